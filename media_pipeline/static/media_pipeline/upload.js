"use strict";

/* Uploads that go on where they were cut off (tus-js-client, vendor/tus.min.js). Without this file the form sends small
   files. One file after another; which upload belongs to which file, the browser remembers, so that a file that is
   chosen again after a reload goes on as well. */
{
  const CHUNK = 50 * 1024 * 1024; // proxies such as Cloudflare take 100 MB at most
  const RETRIES = [0, 1000, 3000, 5000, 10000];
  const REST = 15000; // between two tries while there is no connection

  const form = document.querySelector("[data-upload-form]");
  const input = form.querySelector("input[type=file]");
  const choose = form.querySelector("[data-choose]");
  const drop = form.querySelector("[data-drop]");
  const list = document.querySelector("[data-uploads]");
  const row = document.querySelector("[data-upload-row]").content.firstElementChild;
  const words = list.dataset;
  const files = [];

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const percent = new Intl.NumberFormat(root.lang, { style: "percent" });

  function size(bytes) {
    const power = Math.min(3, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1024)));
    const unit = ["byte", "kilobyte", "megabyte", "gigabyte"][power];
    const unitDisplay = power ? "short" : "long";
    const maximumFractionDigits = power > 1 ? 1 : 0;
    const shown = new Intl.NumberFormat(root.lang, { style: "unit", unit, unitDisplay, maximumFractionDigits });
    return shown.format(bytes / 1024 ** power);
  }

  function duration(seconds) {
    const [amount, unit] =
      seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
    return new Intl.NumberFormat(root.lang, { style: "unit", unit, maximumFractionDigits: 0 }).format(Math.ceil(amount));
  }

  function csrfToken() {
    const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]*)/);
    return cookie ? cookie[1] : form.elements.csrfmiddlewaretoken.value;
  }

  class Sending {
    constructor(file) {
      this.file = file;
      this.state = "waiting";
      this.sent = 0;
      this.rate = 0; // bytes a second
      this.element = row.cloneNode(true);
      this.words = this.element.querySelector("[data-words]");
      this.meter = this.element.querySelector("progress");
      this.element.querySelector("[data-name]").textContent = file.name;
      this.meter.setAttribute("aria-label", file.name);
      for (const button of this.element.querySelectorAll("[data-act]")) {
        button.addEventListener("click", () => this[button.dataset.act]());
      }
      this.upload = new tus.Upload(file, {
        endpoint: form.dataset.endpoint,
        chunkSize: CHUNK,
        retryDelays: RETRIES,
        metadata: { filename: file.name, filetype: file.type },
        removeFingerprintOnSuccess: true,
        onBeforeRequest: (request) => request.setHeader("X-CSRFToken", csrfToken()),
        onUploadUrlAvailable: () => hideUnfinished(this.upload.url),
        onProgress: (sent) => this.progressed(sent),
        onSuccess: ({ lastResponse }) => this.arrived(lastResponse),
        onError: (error) => this.broke(error),
      });
      list.append(this.element);
      this.show("waiting", words.turn);
    }

    show(state, text, failed = false) {
      this.state = state;
      for (const badge of this.element.querySelectorAll("[data-badge]")) badge.hidden = badge.dataset.badge !== state;
      this.words.textContent = text;
      this.words.classList.toggle("error", failed);
      this.action("pause").hidden = !["waiting", "sending", "resting"].includes(state);
      this.action("resume").hidden = !["paused", "failed"].includes(state);
      this.action("discard").hidden = state === "done";
    }

    action(name) {
      return this.element.querySelector(`[data-act=${name}]`);
    }

    async start() {
      this.show("sending", this.progressWords());
      if (!this.upload.url) {
        const known = await this.upload.findPreviousUploads();
        if (this.state !== "sending") return;
        known.sort((one, other) => new Date(other.creationTime) - new Date(one.creationTime));
        if (known.length) this.upload.resumeFromPreviousUpload(known[0]);
      }
      this.at = null;
      this.upload.start();
    }

    progressed(sent) {
      if (this.state !== "sending") return;
      const now = performance.now();
      if (this.at && now > this.at && sent > this.sent) {
        const rate = ((sent - this.sent) / (now - this.at)) * 1000;
        const weight = Math.min(1, (now - this.at) / 5000); // an average of the last seconds
        this.rate = this.rate ? this.rate + weight * (rate - this.rate) : rate;
      }
      this.at = now;
      this.sent = sent;
      this.meter.value = sent / this.file.size;
      this.words.textContent = this.progressWords();
    }

    progressWords() {
      const { sent, rate } = this;
      const total = this.file.size;
      // All is there only once the server says so.
      const part = Math.min(Math.floor((sent / total) * 100), 99) / 100;
      const shown = fill(words.sent, { sent: size(sent), total: size(total), percent: percent.format(part) });
      if (!rate) return shown;
      return fill(words.left, { words: shown, time: duration((total - sent) / rate) });
    }

    arrived(answer) {
      this.meter.value = 1;
      this.show("done", fill(words.done, { total: size(this.file.size) }));
      const link = this.element.querySelector("[data-open]");
      link.href = answer.getHeader("Upload-Became");
      link.setAttribute("aria-label", `${link.textContent.trim()}: ${this.file.name}`);
      link.hidden = false;
      announce(fill(words.arrived, { name: this.file.name }));
      next();
    }

    broke(error) {
      const answer = error.originalResponse;
      const status = answer ? answer.getStatus() : 0;
      if (status === 0 || status >= 500 || status === 423 || status === 409) {
        this.show("resting", words.resting);
        setTimeout(() => this.wake(), REST);
        return;
      }
      const spoken = (answer.getHeader("Content-Type") ?? "").startsWith("text/plain") && answer.getBody();
      this.show("failed", spoken || words.refused, true);
      announce(fill(words.failed, { name: this.file.name }));
      next();
    }

    wake() {
      if (this.state === "resting") this.start();
    }

    pause() {
      if (this.state !== "waiting") this.upload.abort();
      this.show("paused", this.progressWords());
      this.action("resume").focus();
      next();
    }

    resume() {
      this.show("waiting", words.turn);
      this.action("pause").focus();
      next();
    }

    async discard() {
      const over = this.state;
      this.state = "discarded";
      files.splice(files.indexOf(this), 1);
      this.element.remove();
      list.hidden = !files.length;
      choose.focus();
      if (over !== "waiting" || this.upload.url) await this.upload.abort(true).catch(() => {});
      next();
    }
  }

  function next() {
    if (files.some((one) => one.state === "sending" || one.state === "resting")) return;
    files.find((one) => one.state === "waiting")?.start();
  }

  function add(chosen) {
    for (const file of chosen) files.push(new Sending(file));
    list.hidden = !files.length;
    next();
  }

  /* An upload of an earlier visit that goes on is no longer among the unfinished. */
  function hideUnfinished(url) {
    const path = new URL(url, location.href).pathname;
    const section = document.querySelector("[data-under-way]");
    section?.querySelector(`[data-address="${CSS.escape(path)}"]`)?.remove();
    if (section && !section.querySelector("[data-address]")) section.remove();
  }

  form.querySelector("[data-without-script]").hidden = true;
  choose.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    add(input.files);
    input.value = "";
  });
  form.addEventListener("submit", (event) => event.preventDefault());

  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      drop.toggleAttribute("data-over", true);
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.toggleAttribute("data-over", false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.toggleAttribute("data-over", false);
    add(event.dataTransfer.files);
  });

  /* After sleep or a tunnel. */
  document.body.addEventListener("wake", () => {
    for (const one of files) one.wake();
  });
}

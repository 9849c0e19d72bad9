"use strict";

/* The player: the browser's own video element, fed by hls.js where the browser cannot do that itself, under controls of
   ours that know qualities, captions and previews. Without this file the browser's own controls play the MP4. */

const STEP = 5;
const HIDE_AFTER = 2500;

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  return parts.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
}

/* A file of previews: spans of seconds, each with a rectangle of a picture (WebVTT, with #xywh= of Media Fragments). */
async function readPreviews(address) {
  const answer = await fetch(address).catch(() => null);
  if (!answer || !answer.ok) return [];
  const seconds = (text) => text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  return (await answer.text())
    .split(/\n\s*\n/)
    .map((block) => /([\d:.]+)\s+-->\s+([\d:.]+)\s*\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)/.exec(block))
    .filter(Boolean)
    .map(([, from, to, file, x, y, w, h]) => ({
      from: seconds(from),
      to: seconds(to),
      picture: new URL(file, answer.url).href,
      x: Number(x),
      y: Number(y),
      w: Number(w),
      h: Number(h),
    }));
}

/* What people call a size: the shorter side, whichever way up it is. */
function lines({ width, height }) {
  return Math.min(width || height, height);
}

class Player {
  /* before: the player that it takes the place of, if any. */
  constructor(box, before) {
    this.box = box;
    this.video = box.querySelector("video");
    this.find = (name) => box.querySelector(`[data-control="${name}"]`);
    this.hls = null;
    this.previews = [];
    this.pointed = null; // the part of the time line that the pointer is at
    this.load();
    this.wire();
    if (before) this.goOn(before);
    this.video.controls = false;
    box.querySelector("[data-controls]").hidden = false;
    box.dataset.ready = "yes";
  }

  load() {
    const { hls } = this.box.dataset;
    if (!hls) return;
    const level = this.find("quality");
    if (window.Hls && window.Hls.isSupported()) {
      // A worker would have to come from a blob, and the page's policy allows no code from there. (hls.js's light build
      // does not do either: it knows no sound beside the pictures, and plays them in silence.)
      this.hls = new window.Hls({ enableWorker: false, capLevelToPlayerSize: true, startLevel: -1 });
      this.hls.on(window.Hls.Events.MANIFEST_PARSED, (_event, data) => {
        data.levels
          .map((found, place) => ({ place, height: lines(found) }))
          .sort((one, other) => other.height - one.height)
          .forEach(({ place, height }) => level.add(new Option(`${height}p`, String(place))));
        level.hidden = data.levels.length < 2;
      });
      this.hls.on(window.Hls.Events.LEVEL_SWITCHED, (_event, data) => {
        const height = lines(this.hls.levels[data.level]);
        this.box.dataset.level = String(height);
        if (this.chosen) this.skip(0);
        this.chosen = false;
        level.options[0].text = this.hls.autoLevelEnabled ? `${level.dataset.auto} (${height}p)` : level.dataset.auto;
      });
      this.hls.on(window.Hls.Events.ERROR, (_event, data) => {
        const gone = data.response && data.response.code === 404;
        if (data.type === window.Hls.ErrorTypes.MEDIA_ERROR && data.fatal) this.hls.recoverMediaError();
        else if (data.fatal || gone) this.renew(data.fatal);
      });
      level.addEventListener("change", () => {
        this.choose(Number(level.value));
      });
      this.hls.loadSource(hls);
      this.hls.attachMedia(this.video);
    } else if (this.video.canPlayType("application/vnd.apple.mpegurl")) {
      this.video.src = hls;
    }
  }

  /* A quality that somebody asks for comes at once, not after what is buffered: a short video is buffered whole. Browsers
     still go on with what they have until the next picture that stands alone, and a short video has no other; sent to
     where they are, they look anew. */
  choose(level) {
    this.chosen = level >= 0;
    if (this.chosen) this.hls.currentLevel = level;
    else this.hls.nextLevel = level;
  }

  /* Somebody is watching: it must stay. */
  get isWatched() {
    const { video } = this;
    return !video.error && ((!video.paused && !video.ended) || document.fullscreenElement === this.box);
  }

  /* Where the player before stopped. */
  goOn({ time, paused, muted, volume }) {
    this.video.muted = muted;
    this.video.volume = volume;
    if (!time) return;
    const start = () => {
      this.video.currentTime = time;
      if (!paused) this.video.play().catch(() => {});
    };
    this.video.addEventListener("loadedmetadata", start, { once: true });
  }

  end() {
    const { currentTime, paused, ended, muted, volume } = this.video;
    if (this.hls) this.hls.destroy();
    this.hls = null;
    return { time: ended ? 0 : currentTime, paused: paused || ended, muted, volume };
  }

  /* What it plays is no longer there: made anew meanwhile, at other addresses, which the page knows; or they have lapsed. */
  async renew(lost) {
    const asked = this.renewed;
    this.renewed = true;
    const answer = asked ? null : await fetch(window.location.href).catch(() => null);
    const page = answer && answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
    const found = page && page.querySelector("[data-player]");
    if (found && found.dataset.hls !== this.box.dataset.hls) {
      const before = this.end();
      this.box.replaceWith(found);
      install(found, before);
    } else if (lost) {
      this.playFile();
    }
  }

  /* The last resort: the MP4, from where it stopped. */
  playFile() {
    const file = this.video.querySelector("source");
    const { currentTime, paused } = this.video;
    if (this.hls) this.hls.destroy();
    this.hls = null;
    if (!file) return;
    this.video.src = file.src;
    this.video.currentTime = currentTime;
    if (!paused) this.video.play();
  }

  wire() {
    const { video } = this;
    this.find("play").addEventListener("click", () => this.toggle());
    video.addEventListener("click", () => this.toggle());
    for (const name of ["play", "pause", "ended"]) video.addEventListener(name, () => this.showState());
    this.find("mute").addEventListener("click", () => this.mute());
    video.addEventListener("volumechange", () => this.showState());
    this.find("volume").addEventListener("input", (event) => {
      video.volume = Number(event.target.value);
      video.muted = video.volume === 0;
    });
    this.find("fullscreen").addEventListener("click", () => this.fullscreen());
    this.wireCaptions();
    this.wireTimeline();
    this.box.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["pointermove", "focusin", "keydown"]) this.box.addEventListener(name, () => this.stir());
    this.showState();
  }

  wireCaptions() {
    const button = this.find("captions");
    const tracks = [...this.video.textTracks];
    button.hidden = tracks.length === 0;
    const select = (wanted) => {
      for (const track of tracks) track.mode = track === wanted ? "showing" : "disabled";
      button.setAttribute("aria-pressed", String(Boolean(wanted)));
    };
    select(null);
    button.addEventListener("click", () => {
      const at = tracks.findIndex((track) => track.mode === "showing");
      select(tracks[at + 1] || null);
    });
  }

  wireTimeline() {
    const { video } = this;
    const line = this.find("time");
    const show = () => {
      const { duration } = video;
      if (!Number.isFinite(duration)) return;
      line.max = String(duration);
      if (!this.dragging) line.value = String(video.currentTime);
      const words = `${clock(video.currentTime)} / ${clock(duration)}`;
      this.find("clock").textContent = words;
      line.setAttribute("aria-valuetext", words);
    };
    for (const name of ["timeupdate", "durationchange", "seeked"]) video.addEventListener(name, show);
    line.addEventListener("input", () => {
      this.dragging = true;
      this.preview(Number(line.value) / Number(line.max || 1));
    });
    line.addEventListener("change", () => {
      this.dragging = false;
      video.currentTime = Number(line.value);
      this.hidePreview();
    });
    line.addEventListener("pointermove", (event) => {
      const { left, width } = line.getBoundingClientRect();
      this.preview(Math.min(Math.max((event.clientX - left) / width, 0), 1));
    });
    line.addEventListener("pointerleave", () => this.hidePreview());
    const { previews } = this.box.dataset;
    if (previews) {
      line.addEventListener("pointerenter", () => this.loadPreviews(previews), { once: true });
      line.addEventListener("focus", () => this.loadPreviews(previews), { once: true });
    }
  }

  async loadPreviews(address) {
    if (this.previews.length) return;
    this.previews = await readPreviews(address);
    if (this.pointed !== null) this.preview(this.pointed);
  }

  preview(part) {
    this.pointed = part;
    const at = part * this.video.duration;
    const found = this.previews.find(({ from, to }) => from <= at && at < to) || this.previews.at(-1);
    const box = this.find("preview");
    if (!found || !Number.isFinite(at)) return;
    box.hidden = false;
    const picture = box.querySelector("[data-picture]");
    picture.style.width = `${found.w}px`;
    picture.style.height = `${found.h}px`;
    picture.style.backgroundImage = `url("${found.picture}")`;
    picture.style.backgroundPosition = `-${found.x}px -${found.y}px`;
    box.querySelector("[data-at]").textContent = clock(at);
    const room = this.find("time").getBoundingClientRect().width;
    const left = Math.min(Math.max(part * room - found.w / 2, 0), Math.max(room - found.w, 0));
    box.style.insetInlineStart = `${left}px`;
  }

  hidePreview() {
    this.pointed = null;
    this.find("preview").hidden = true;
  }

  toggle() {
    if (this.video.paused) this.video.play().catch(() => {});
    else this.video.pause();
  }

  mute() {
    this.video.muted = !this.video.muted;
  }

  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.box.requestFullscreen) this.box.requestFullscreen();
    else if (this.video.webkitEnterFullscreen) this.video.webkitEnterFullscreen();
  }

  skip(seconds) {
    this.video.currentTime = Math.min(Math.max(this.video.currentTime + seconds, 0), this.video.duration || 0);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
    const onButton = event.target.matches("button");
    const does = {
      " ": () => !onButton && this.toggle(),
      k: () => this.toggle(),
      ArrowLeft: () => this.skip(-STEP),
      ArrowRight: () => this.skip(STEP),
      j: () => this.skip(-2 * STEP),
      l: () => this.skip(2 * STEP),
      m: () => this.mute(),
      f: () => this.fullscreen(),
      c: () => this.find("captions").hidden || this.find("captions").click(),
    }[event.key];
    if (!does || (onButton && event.key === " ")) return;
    does();
    event.preventDefault();
  }

  showState() {
    const { paused, muted, volume } = this.video;
    this.box.dataset.playing = paused ? "no" : "yes";
    const play = this.find("play");
    play.setAttribute("aria-label", paused ? play.dataset.play : play.dataset.pause);
    const mute = this.find("mute");
    mute.setAttribute("aria-label", muted ? mute.dataset.on : mute.dataset.off);
    this.box.dataset.muted = muted || volume === 0 ? "yes" : "no";
    this.find("volume").value = String(muted ? 0 : volume);
    this.stir();
  }

  /* Controls hide while a video plays and nobody stirs. */
  stir() {
    this.box.dataset.idle = "no";
    clearTimeout(this.timer);
    if (this.video.paused) return;
    this.timer = setTimeout(() => {
      this.box.dataset.idle = "yes";
    }, HIDE_AFTER);
  }
}

const players = new WeakMap();
let before = null;

function install(box, former) {
  players.set(box, new Player(box, former));
}

function start() {
  for (const box of document.querySelectorAll("[data-player]:not([data-ready])")) {
    install(box, before);
    before = null;
  }
}

/* A page that turns ready by itself gets another player; while somebody watches, it keeps the one that it has, and is
   asked again. */
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const box = event.detail.target.querySelector("[data-player]");
  const player = box && players.get(box);
  if (!player) return;
  if (player.isWatched) event.detail.shouldSwap = false;
  else before = player.end();
});
document.addEventListener("htmx:afterSettle", start);
start();

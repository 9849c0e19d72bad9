"""tus 1.0.0 as https://tus.io/protocols/resumable-upload has it. The cases are those that tusd and tus-node-server try
on themselves."""

import base64
import hashlib
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from django.test import Client
from django.utils import timezone

from jobs.models import Job
from media_pipeline import services
from media_pipeline.models import Asset, Upload
from tests.factories.people import PersonFactory
from tests.integration.media.uploads.conftest import BYTES, TUS

HERE = "/media/uploads/"


def checksum(body: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, body).digest()).decode()}"


# --- OPTIONS


@pytest.mark.parametrize("headers", [{}, {"tus_resumable": None}])
def test_options_say_what_the_server_can_do(tus, headers, settings) -> None:
    answer = tus("OPTIONS", HERE, **headers)

    assert answer.status_code == 204
    assert answer["Tus-Version"] == answer["Tus-Resumable"] == "1.0.0"
    assert answer["Tus-Max-Size"] == str(settings.UPLOAD_MOST_BYTES)
    assert answer["Tus-Checksum-Algorithm"] == "sha1,sha256"
    assert set(answer["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "termination",
        "expiration",
        "checksum",
    }


# --- every method


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0", "garbage"])
@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_another_version_is_not_spoken(tus, method, version) -> None:
    address = tus.create(10)

    answer = tus(method, address, tus_resumable=version, upload_offset="0")

    assert answer.status_code == 412
    assert answer["Tus-Version"] == "1.0.0"
    assert tus.offset(address) == 0


def test_another_version_begins_nothing(tus) -> None:
    assert tus("POST", HERE, tus_resumable="0.2.2", upload_length="1").status_code == 412
    assert not Upload.objects.exists()


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_an_upload_of_somebody_else_is_answered_like_one_that_there_is_not(tus, stranger, method) -> None:
    address = tus.create(10)
    nowhere = f"{HERE}00000000-0000-4000-8000-000000000000/"

    foreign, unknown = (stranger(method, path, b"123", upload_offset="0") for path in (address, nowhere))

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.content == unknown.content
    assert set(foreign.headers) == set(unknown.headers)
    assert tus.offset(address) == 0


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_who_has_not_signed_in_is_told_so(tus, method) -> None:
    address = tus.create(10)

    answer = Client().generic(method, address, b"", content_type=BYTES, headers=TUS)

    assert answer.status_code == 401


def test_whose_role_has_no_uploads_is_told_so(db) -> None:
    clerk = Client()
    clerk.force_login(PersonFactory(finance=True))

    assert clerk.post(HERE, b"", content_type=BYTES, headers=TUS | {"upload-length": "1"}).status_code == 403


def test_another_method_is_refused(tus) -> None:
    address = tus.create(10)

    assert tus("PUT", address).status_code == 405
    assert tus("GET", address)["Allow"] == "OPTIONS, HEAD, PATCH, DELETE"
    assert tus("GET", HERE)["Allow"] == "OPTIONS, POST"


def test_a_request_that_changes_something_needs_the_token(person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    page = client.get("/media/upload/")
    token = page.context["csrf_token"]
    wanted = TUS | {"upload-length": "3"}

    refused = client.post(HERE, b"", content_type=BYTES, headers=wanted)
    begun = client.post(HERE, b"", content_type=BYTES, headers=wanted | {"x-csrftoken": str(token)})
    address = begun["Location"]
    patch = TUS | {"upload-offset": "0"}

    assert refused.status_code == 403
    assert begun.status_code == 201
    assert client.patch(address, b"abc", content_type=BYTES, headers=patch).status_code == 403
    assert client.delete(address, headers=TUS).status_code == 403
    assert (
        client.patch(address, b"abc", content_type=BYTES, headers=patch | {"x-csrftoken": str(token)}).status_code
        == 204
    )


def test_the_method_may_be_named_in_a_header(tus) -> None:
    address = tus.create(6)

    sent = tus("POST", address, b"abc", upload_offset="0", x_http_method_override="PATCH")
    asked = tus("POST", address, x_http_method_override="HEAD")
    gone = tus("POST", address, x_http_method_override="DELETE")

    assert (sent.status_code, sent["Upload-Offset"]) == (204, "3")
    assert (asked.status_code, asked["Upload-Offset"]) == (200, "3")
    assert gone.status_code == 204
    assert tus("HEAD", address).status_code == 404


def test_only_post_is_overridden(tus) -> None:
    address = tus.create(6)

    tus("HEAD", address, x_http_method_override="DELETE")

    assert tus("HEAD", address).status_code == 200


# --- POST


def test_an_upload_begins(tus, only) -> None:
    answer = tus("POST", HERE, upload_length="300", upload_metadata="filename Y2xpcC5tcDQ=,filetype dmlkZW8vbXA0")

    upload = only()
    assert answer.status_code == 201
    assert answer["Location"] == f"{HERE}{upload.pk}/"
    assert answer["Upload-Offset"] == "0"
    assert answer["Tus-Resumable"] == "1.0.0"
    assert parsedate_to_datetime(answer["Upload-Expires"]) == upload.expires_at.replace(microsecond=0)
    assert (upload.name, upload.length) == ("clip.mp4", 300)


@pytest.mark.parametrize("length", [None, "", "-1", "1.5", "1e3", "ten", " 10", "10 ", "0x10", "٣", "9" * 30, "+5"])
def test_a_length_that_is_none_begins_nothing(tus, length) -> None:
    answer = tus("POST", HERE, upload_length=length)

    assert answer.status_code == 400
    assert not Upload.objects.exists()


def test_an_empty_file_is_refused_in_words(tus) -> None:
    answer = tus("POST", HERE, upload_length="0")

    assert (answer.status_code, answer.content) == (400, b"The file is empty. Choose another one.")


def test_extensions_that_there_are_not_are_refused(tus) -> None:
    assert tus("POST", HERE, upload_defer_length="1").status_code == 400
    assert tus("POST", HERE, upload_length="3", upload_concat="partial").status_code == 400
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    "metadata", ["filename %%%", "filename YQ==,filename Yg==", "näme YQ==", ",", "a YQ==,,b YQ==", "filename Y"]
)
def test_metadata_that_is_none_begins_nothing(tus, metadata) -> None:
    assert tus("POST", HERE, upload_length="3", upload_metadata=metadata).status_code == 400
    assert not Upload.objects.exists()


@pytest.mark.parametrize("metadata", [None, "", "filename", "filename ,filetype", "filetype dmlkZW8vbXA0"])
def test_a_file_without_a_name_gets_one(tus, only, metadata) -> None:
    assert tus("POST", HERE, upload_length="3", upload_metadata=metadata).status_code == 201
    assert only().name == "Unnamed file"


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(tus, settings) -> None:
    settings.UPLOAD_MOST_BYTES = 5 * 1024**2

    answer = tus("POST", HERE, upload_length=str(6 * 1024**2))

    assert answer.status_code == 413
    assert answer.content.decode() == "The file has 6.0\xa0MB. The largest that we take has 5.0\xa0MB."
    assert tus("POST", HERE, upload_length=str(5 * 1024**2)).status_code == 201


def test_what_the_request_holds_of_the_file_is_taken_at_once(tus, only) -> None:
    answer = tus("POST", HERE, b"abc", upload_length="6")

    assert (answer.status_code, answer["Upload-Offset"]) == (201, "3")
    assert tus.patch(answer["Location"], b"def", 3).status_code == 204
    assert services.folder().whole(only().pk).read_bytes() == b"abcdef"


def test_a_file_may_come_whole_with_the_request_that_begins_it(tus, only) -> None:
    answer = tus("POST", HERE, b"abc", upload_length="3", upload_checksum=checksum(b"abc"))

    assert (answer.status_code, answer["Upload-Offset"]) == (201, "3")
    assert answer["Upload-Became"] == f"/media/{only().asset.pk}/"


def test_more_than_was_announced_is_not_taken_with_the_beginning_either(tus, only) -> None:
    assert tus("POST", HERE, b"abcd", upload_length="3").status_code == 413
    assert only().asset is None


# --- HEAD


def test_head_says_how_far_it_is(tus) -> None:
    address = tus.create(10)
    tus.patch(address, b"1234", 0)

    answer = tus("HEAD", address)

    assert answer.status_code == 200
    assert (answer["Upload-Offset"], answer["Upload-Length"]) == ("4", "10")
    assert answer["Cache-Control"] == "no-store"
    assert answer["Upload-Expires"]
    assert answer.content == b""


def test_head_after_the_end_still_says_how_much_there_is(tus, only) -> None:
    address = tus.create(3)
    tus.patch(address, b"abc", 0)

    answer = tus("HEAD", address)

    assert (answer.status_code, answer["Upload-Offset"]) == (200, "3")
    assert answer["Upload-Became"] == only().asset.get_absolute_url()


def test_head_still_says_so_once_the_file_is_stored_elsewhere(tus, only) -> None:
    address = tus.create(3)
    tus.patch(address, b"abc", 0)
    services.drop_arrived_file(only().asset)

    assert tus.offset(address) == 3


# --- PATCH


def test_bytes_are_added(tus, folder, only) -> None:
    address = tus.create(6)

    first, second = tus.patch(address, b"abc", 0), tus.patch(address, b"de", 3)

    assert (first.status_code, first["Upload-Offset"]) == (204, "3")
    assert (second.status_code, second["Upload-Offset"]) == (204, "5")
    assert second["Upload-Expires"]
    assert folder.arriving(only().pk).read_bytes() == b"abcde"


@pytest.mark.parametrize("offset", [0, 2, 4, 6])
def test_bytes_that_do_not_follow_are_refused(tus, offset) -> None:
    address = tus.create(6)
    tus.patch(address, b"abc", 0)

    answer = tus.patch(address, b"xxx", offset)

    assert answer.status_code == 409
    assert tus.offset(address) == 3


@pytest.mark.parametrize("offset", [None, "", "-3", "three", "3.0", "0x3", " 3"])
def test_an_offset_that_is_none_is_refused(tus, offset) -> None:
    address = tus.create(6)

    assert tus("PATCH", address, b"abc", upload_offset=offset).status_code == 400
    assert tus.offset(address) == 0


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/octet-stream", "multipart/form-data"])
def test_bytes_of_another_content_type_are_refused(tus, content_type) -> None:
    address = tus.create(6)

    assert tus.patch(address, b"abc", 0, content_type=content_type).status_code == 415
    assert tus.offset(address) == 0


@pytest.mark.parametrize(("there", "more"), [(0, 7), (3, 4), (5, 2)])
def test_more_than_was_announced_is_refused_whole(tus, there, more) -> None:
    address = tus.create(6)
    tus.patch(address, b"x" * there, 0)

    assert tus.patch(address, b"y" * more, there).status_code == 413
    assert tus.offset(address) == there


def test_a_body_of_unknown_length_is_refused(tus) -> None:
    address = tus.create(6)

    assert tus.patch(address, b"", 0, transfer_encoding="chunked").status_code == 411


def test_no_bytes_are_a_request_like_any_other(tus) -> None:
    address = tus.create(6)

    answer = tus.patch(address, b"", 0)

    assert (answer.status_code, answer["Upload-Offset"]) == (204, "0")


def test_nothing_is_added_to_a_file_that_is_complete(tus, only) -> None:
    address = tus.create(3)
    tus.patch(address, b"abc", 0)

    assert tus.patch(address, b"d", 3).status_code == 413
    assert tus.patch(address, b"abc", 0).status_code == 409
    assert services.folder().whole(only().pk).read_bytes() == b"abc"


def test_a_process_that_takes_in_as_much_as_it_can_says_when_to_ask_again(tus, no_place) -> None:
    answer = tus.patch(tus.create(3), b"abc", 0)

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


# --- the end


def test_the_last_byte_makes_the_asset_and_its_job(tus, only, person) -> None:
    address = tus.create(6, name="Kỳ nghỉ.mp4")
    tus.patch(address, b"abc", 0)
    assert not Asset.objects.exists()

    answer = tus.patch(address, b"def", 3)

    asset, job = Asset.objects.get(), Job.objects.get()
    assert (answer.status_code, answer["Upload-Offset"]) == (204, "6")
    assert answer["Upload-Became"] == f"/media/{asset.pk}/"
    assert (asset.owner, asset.name, asset.size, asset.sha256, asset.original_key) == (person, "Kỳ nghỉ.mp4", 6, "", "")
    assert asset.job == job
    assert (job.task, job.queue, job.owner_id) == ("media.process", "media", person.pk)
    assert job.arguments == {"asset_id": str(asset.pk)}
    assert only().asset == asset
    assert services.arrived_file(asset).read_bytes() == b"abcdef"


def test_the_end_asked_for_again_is_the_same_end(tus) -> None:
    address = tus.create(3)
    answers = [tus.patch(address, b"abc", 0), tus.patch(address, b"", 3), tus.patch(address, b"", 3)]

    assert [answer.status_code for answer in answers] == [204, 204, 204]
    assert len({answer["Upload-Became"] for answer in answers}) == 1
    assert Asset.objects.count() == Job.objects.count() == 1


# --- checksums


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_bytes_with_their_checksum_count(tus, algorithm, only, folder) -> None:
    address = tus.create(6)
    tus.patch(address, b"abc", 0)

    answer = tus.patch(address, b"de", 3, upload_checksum=checksum(b"de", algorithm))

    assert (answer.status_code, answer["Upload-Offset"]) == (204, "5")
    assert folder.arriving(only().pk).read_bytes() == b"abcde"


def test_bytes_with_another_checksum_do_not_count(tus, folder, only) -> None:
    address = tus.create(6)
    tus.patch(address, b"abc", 0)

    answer = tus.patch(address, b"def", 3, upload_checksum=checksum(b"deF"))

    assert answer.status_code == 460
    assert tus.offset(address) == 3
    assert not Asset.objects.exists()
    assert [path.name for path in folder.arriving(only().pk).parent.iterdir()] == [only().pk.hex]


@pytest.mark.parametrize(
    "header",
    ["md5 kAFQmDzST7DWlj99KOF/cg==", "sha256", "sha256 %%%", "sha256 YWJj", "SHA256 YWJj", "", "sha256  YWJj", "\x00"],
)
def test_a_checksum_that_is_none_is_refused(tus, header) -> None:
    address = tus.create(3)

    assert tus.patch(address, b"abc", 0, upload_checksum=header).status_code == 400
    assert tus.offset(address) == 0


# --- termination and expiration


def test_an_upload_is_given_up(tus, folder) -> None:
    address = tus.create(6)
    tus.patch(address, b"abc", 0)

    assert tus("DELETE", address).status_code == 204

    assert tus("HEAD", address).status_code == 404
    assert tus("DELETE", address).status_code == 404
    assert not Upload.objects.exists()
    assert not list(folder.stored())


def test_a_complete_one_is_not_given_up(tus, only) -> None:
    address = tus.create(3)
    tus.patch(address, b"abc", 0)

    answer = tus("DELETE", address)

    assert (answer.status_code, answer.content) == (403, b"All of this file has arrived. Delete it among your media.")
    assert services.arrived_file(only().asset)


@pytest.mark.parametrize("method", ["HEAD", "PATCH"])
def test_an_expired_upload_is_gone(tus, method) -> None:
    address = tus.create(6)
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert tus(method, address, b"abc", upload_offset="0").status_code == 410


def test_each_byte_keeps_it_for_seven_days_more(tus, only) -> None:
    address = tus.create(6)
    Upload.objects.update(expires_at=timezone.now() + timedelta(seconds=10))

    tus.patch(address, b"abc", 0)

    assert timedelta(days=6, hours=23) < only().expires_at - timezone.now() <= timedelta(days=7)


# --- garbage


@pytest.mark.parametrize("garbage", ["\x00", "é" * 50, "a,b;c=" * 200, "-", "0" * 400, "{}", "../../etc/passwd", "%00"])
@pytest.mark.parametrize(
    "header",
    ["upload_offset", "upload_checksum", "upload_length", "upload_metadata", "tus_resumable", "x_http_method_override"],
)
def test_garbage_in_a_header_is_never_an_error_of_ours(tus, header, garbage) -> None:
    address = tus.create(6)
    for method, path in (("POST", HERE), ("POST", address), ("PATCH", address), ("HEAD", address), ("OPTIONS", HERE)):
        answer = tus(method, path, b"abc", **{"upload_offset": "0", "upload_length": "6", header: garbage})
        assert answer.status_code < 500

"""The page, and its form for who has no script."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from media_pipeline import services, upload_views
from media_pipeline.models import Asset, Upload
from tests.factories.people import PersonFactory

PAGE = "/media/upload/"


def picture(name: str = "a.jpg", content: bytes = b"abc") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="image/jpeg")


def test_a_file_of_a_form_becomes_an_asset(tus, person) -> None:
    answer = tus.client.post(PAGE, {"files": picture()})

    asset = Asset.objects.get()
    assert answer["Location"] == asset.get_absolute_url()
    assert (asset.name, asset.size, asset.owner) == ("a.jpg", 3, person)
    assert asset.job.task == "media.process"
    assert services.arrived_file(asset).read_bytes() == b"abc"


def test_several_files_become_as_many(tus) -> None:
    answer = tus.client.post(PAGE, {"files": [picture("a.jpg"), picture("b.jpg", b"defg")]}, follow=True)

    assert answer.redirect_chain == [("/media/", 302)]
    assert "2 files have arrived" in answer.content.decode()
    assert set(Asset.objects.values_list("name", "size")) == {("a.jpg", 3), ("b.jpg", 4)}


def test_a_file_larger_than_a_piece_comes_whole(tus) -> None:
    content = bytes(range(256)) * 4096  # 1 MB

    tus.client.post(PAGE, {"files": picture(content=content)})

    assert services.arrived_file(Asset.objects.get()).read_bytes() == content


def test_of_several_files_the_bad_one_is_named_and_the_good_one_is_taken(tus, folder) -> None:
    answer = tus.client.post(PAGE, {"files": [picture("good.jpg"), picture("empty.jpg", b"")]}, follow=True)

    assert "empty.jpg: The file is empty." in answer.content.decode()
    assert Asset.objects.get().name == "good.jpg"
    assert len({upload for upload, _ in folder.stored()}) == 1


def test_a_form_without_a_file_says_so(tus) -> None:
    answer = tus.client.post(PAGE, {"files": ""})

    assert answer.status_code == 400
    assert "Choose at least one file." in answer.content.decode()


def test_a_form_that_is_too_large_is_not_even_read(tus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_views, "MOST_OF_A_FORM", 1000)

    answer = tus.client.post(PAGE, {"files": picture(content=b"x" * 2000)})

    assert answer.status_code == 400
    assert "larger than 50" in answer.content.decode()
    assert not Asset.objects.exists()


def test_over_the_quota_nothing_is_kept(tus, settings, folder) -> None:
    settings.UPLOAD_QUOTA_BYTES = 2

    answer = tus.client.post(PAGE, {"files": picture()}, follow=True)

    assert "a.jpg: You have 2" in answer.content.decode().replace("\xa0", " ")
    assert not Upload.objects.exists()
    assert not list(folder.stored())


def test_a_form_without_the_token_leaves_nothing(person, folder) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)

    answer = client.post(PAGE, {"files": picture()})

    assert answer.status_code == 403
    assert not Asset.objects.exists()
    assert not [path for path in folder.root.rglob("*") if path.is_file()]


def test_what_breaks_off_leaves_nothing(person, folder) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    whole = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + b"y" * 200_000
    )

    client.generic("POST", PAGE, whole, content_type="multipart/form-data; boundary=x", CONTENT_LENGTH="900000")

    assert not [path for path in folder.root.rglob("*") if path.is_file() and path.parent.name == "arriving"]


def test_somebody_who_has_not_signed_in_is_asked_to(db) -> None:
    assert Client().post(PAGE, {"files": picture()})["Location"].startswith("/sign-in/")


def test_whose_role_has_no_media_has_no_page(db) -> None:
    clerk = Client()
    clerk.force_login(PersonFactory(finance=True))

    assert clerk.get(PAGE).status_code == clerk.get("/media/").status_code == 403


def test_the_page_lists_what_is_unfinished_and_discards_it(tus, stranger, folder) -> None:
    address = tus.create(2048, name="half.mp4")
    tus.patch(address, b"x" * 1024, 0)
    stranger.create(10, name="foreign.mp4")

    page = tus.client.get(PAGE).content.decode().replace("\xa0", " ")
    assert "half.mp4" in page
    assert "1.0 KB of 2.0 KB, kept until" in page
    assert "foreign.mp4" not in page

    question = tus.client.get(f"{address}abandon/")
    assert "Discard what has arrived of “half.mp4”?" in question.content.decode()
    stranger.client.post(f"{address}abandon/")
    assert Upload.objects.filter(name="half.mp4").exists()
    tus.client.post(f"{address}abandon/")
    assert not Upload.objects.filter(name="half.mp4").exists()


def test_my_media_are_among_the_pages_of_shoppers_and_owners(db) -> None:
    for roles, has in (({}, True), ({"owner": True}, True), ({"operator": True}, False)):
        client = Client(headers={"accept-language": "en"})
        client.force_login(PersonFactory(**roles))
        assert ("My media" in client.get("/").content.decode()) is has


def test_the_form_keeps_memory_small(tus) -> None:
    """Django would keep a file below 2.5 MB in memory, and write a larger one to a temporary folder."""

    class Watched(io.BytesIO):
        largest = 0

        def read(self, size: int = -1, /) -> bytes:
            Watched.largest = max(Watched.largest, size)
            return super().read(size)

    content = b"x" * 1_000_000
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n' + content + b"\r\n--x--\r\n"
    answer = tus.client.post(
        PAGE,
        content_type="multipart/form-data; boundary=x",
        data=b"",
        **{
            "wsgi.input": Watched(body),
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "multipart/form-data; boundary=x",
        },
    )

    assert answer.status_code == 302
    assert 0 < Watched.largest <= 256 * 1024
    assert services.arrived_file(Asset.objects.get()).read_bytes() == content

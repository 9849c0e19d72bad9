"""Who gets into the admin, and what they may change there."""

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from jobs.models import Job
from shop.accounts.models import Role, User
from shop.accounts.services import create_person

pytestmark = pytest.mark.django_db


def test_who_has_not_signed_in_does_so_on_the_sites_own_page():
    response = Client().get("/admin/jobs/job/?state=failed", follow=True)
    assert response.redirect_chain[-1][0].startswith(reverse("web:sign_in"))
    assert "state%253Dfailed" in response.redirect_chain[-1][0] or "state%3Dfailed" in response.redirect_chain[-1][0]


@pytest.mark.parametrize("role", [role for role in Role if role != Role.OPERATOR])
def test_other_roles_are_refused(role):
    client = Client()
    client.force_login(create_person(username="p", email="p@example.test", password="x", roles=[role]))
    assert client.get("/admin/", follow=True).status_code == 403


def test_an_operator_who_was_deactivated_is_out(client, operator):
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert client.get("/admin/").status_code == 302


def test_signing_in_again_leads_to_the_overview(client):
    response = client.get("/admin/login/")
    assert response.status_code == 302
    assert response["Location"] == "/admin/"


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda model: model._meta.label))
def test_every_list_opens(client, model):
    assert client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")).status_code == 200


class TestJobsAreNotEditedByHand:
    def test_nor_added_nor_deleted(self, superuser_client):
        job = Job.objects.create(task="a.task", queue="sync")
        assert superuser_client.get("/admin/jobs/job/add/").status_code == 403
        assert superuser_client.post(f"/admin/jobs/job/{job.pk}/delete/", {"post": "yes"}).status_code == 403
        superuser_client.post(f"/admin/jobs/job/{job.pk}/change/", {"state": "succeeded"})
        superuser_client.post(
            "/admin/jobs/job/", {"action": "delete_selected", "_selected_action": [str(job.pk)], "post": "yes"}
        )
        job.refresh_from_db()
        assert job.state == "waiting"

    def test_nor_is_the_log(self, superuser_client, operator):
        entry = LogEntry.objects.log_actions(operator.pk, [operator], 2, "x", single_object=True)
        assert superuser_client.post(f"/admin/admin/logentry/{entry.pk}/delete/", {"post": "yes"}).status_code == 403


class TestPeople:
    def test_operators_look_and_do_not_change(self, client, operator):
        page = client.get(f"/admin/accounts/user/{operator.pk}/change/")
        assert page.status_code == 200
        assert "pbkdf2" not in page.content.decode()
        client.post(f"/admin/accounts/user/{operator.pk}/change/", {"username": "root", "roles": ["owner"]})
        operator.refresh_from_db()
        assert operator.username == "operator"
        assert client.get("/admin/accounts/user/add/").status_code == 403
        assert client.get(f"/admin/accounts/user/{operator.pk}/password/").status_code == 403

    @pytest.mark.parametrize(("roles", "is_staff"), [(["operator", "owner"], True), (["finance"], False)])
    def test_a_superuser_gives_roles_and_the_admin_follows(self, superuser_client, roles, is_staff):
        person = create_person(username="p", email="p@example.test", password="x", roles=[Role.SHOPPER])
        form = {"username": "p", "email": "p@example.test", "roles": roles, "is_active": "on", "language": "vi"}

        response = superuser_client.post(f"/admin/accounts/user/{person.pk}/change/", form)

        assert response.status_code == 302, response.content.decode()
        person.refresh_from_db()
        assert person.roles == sorted(roles)
        assert person.is_staff is is_staff

    def test_a_superuser_adds_a_person(self, superuser_client):
        form = {
            "username": "new",
            "email": "new@example.test",
            "roles": ["operator"],
            "usable_password": "true",
            "password1": "a long enough one 7",
            "password2": "a long enough one 7",
        }
        assert superuser_client.post("/admin/accounts/user/add/", form).status_code == 302
        person = User.objects.get(username="new")
        assert person.roles == ["operator"]
        assert person.is_staff
        assert person.check_password("a long enough one 7")

    def test_by_role(self, client, operator):
        create_person(username="zz-shopper", email="s@example.test", password="x")
        page = client.get("/admin/accounts/user/?role=operator").content.decode()
        assert "operator@example.test" in page
        assert "zz-shopper" not in page

"""Hands a mail to the mail server that the settings name."""

from smtplib import SMTPException

from django.core.mail import EmailMessage
from django.utils.translation import gettext as _

from jobs.task import Transient


def send(message: EmailMessage) -> None:
    """Raises Transient where the server does not take it."""
    try:
        message.send()
    except (SMTPException, OSError) as error:
        raise Transient(_("The mail server did not take the mail. We will try again.")) from error

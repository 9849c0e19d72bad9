from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from jobs.models import CODE_ALPHABET, CODE_LENGTH, clean_code
from web.preferences import LANGUAGES, Theme


class SignInForm(forms.Form):
    name = forms.CharField(
        label=_("User name or e-mail"),
        max_length=254,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CodeField(forms.CharField):
    """A lookup code as people type it; cleaned to the form that rows hold."""

    def clean(self, value: Any) -> str:
        code = clean_code(super().clean(value))
        if len(code) != CODE_LENGTH or not set(code) <= set(CODE_ALPHABET):
            raise forms.ValidationError(
                _("A lookup code has twelve letters and digits, such as 7KQF-3M9T-XW2C. Check it and try again.")
            )
        return code


class TrackForm(forms.Form):
    code = CodeField(
        label=_("Lookup code"),
        help_text=_("Twelve letters and digits. Dashes and small letters do not matter."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )


class SettingsForm(forms.Form):
    last_name = forms.CharField(
        label=_("Family and middle name"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    first_name = forms.CharField(
        label=_("Given name"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=list(LANGUAGES.items()),
    )
    theme = forms.ChoiceField(
        label=_("Theme"), choices=Theme.choices, help_text=_("The theme is remembered on this device.")
    )

"""Surnames by language, from the lists of the package Faker: one word each, of one language."""

from __future__ import annotations

import functools
import importlib
import unicodedata
from collections import defaultdict

from harness.tasks.files.content import hash_parts
from harness.tasks.files.labelled_texts import LabelledTexts

LOCALES = {
    "Croatian": ("hr_HR",),
    "Dutch": ("nl_NL",),
    "English": ("en_GB",),
    "Estonian": ("et_EE",),
    "Finnish": ("fi_FI",),
    "French": ("fr_FR",),
    "German": ("de_DE", "de_AT"),
    "Irish": ("ga_IE",),
    "Italian": ("it_IT",),
    "Slovak": ("sk_SK",),
    "Spanish": ("es_ES",),
    "Swedish": ("sv_SE",),
    "Zulu": ("zu_ZA",),
}
"""The languages, and the locales of Faker whose lists of surnames are read for each."""

_NOT_COMPOSED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th"}
)


@functools.cache
def read_surnames() -> LabelledTexts:
    """Names and their languages, sorted by name: what `select_names` keeps of Faker's lists.

    Raises:
        FileNotFoundError: Faker is not installed, or lacks one of the lists.
    """
    kept = select_names({language: _lists(language) for language in LOCALES})
    names, languages = zip(*kept, strict=True)
    return LabelledTexts(languages, names, names, hash_parts(*names, *languages))


def select_names(names_of: dict[str, set[str]]) -> list[tuple[str, str]]:
    """(name, language), sorted: names of one word of letters, in `plain` form, that one language has.

    >>> select_names({"German": {"Müller", "Koch", "van Almsick"}, "English": {"Koch", "O'Neil", "Muller"}})
    []
    >>> select_names({"Irish": {"Ó Néill", "Breathnach"}, "French": {"Lefèvre"}})
    [('breathnach', 'Irish'), ('lefevre', 'French')]
    """
    languages: dict[str, set[str]] = defaultdict(set)
    for language, names in names_of.items():
        for name in names:
            if name.isalpha():
                languages[plain(name)].add(language)
    return sorted((name, min(found)) for name, found in languages.items() if len(found) == 1)


def plain(name: str) -> str:
    """In lower case and without diacritics.

    >>> plain("Žužić"), plain("Weiß"), plain("Ærø")
    ('zuzic', 'weiss', 'aero')
    """
    parts = unicodedata.normalize("NFKD", name.lower().translate(_NOT_COMPOSED))
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _lists(language: str) -> set[str]:
    """The surnames of a language, of men and women where they differ."""
    names: set[str] = set()
    for locale in LOCALES[language]:
        provider = _person_provider(locale)
        for attribute in dir(provider):
            if attribute.startswith("last_names") and isinstance(
                getattr(provider, attribute), tuple | list | dict
            ):
                names |= set(getattr(provider, attribute))
    if not names:
        raise FileNotFoundError(
            f"Faker has no list of surnames in {language}; install another version of Faker"
        )
    return names


def _person_provider(locale: str) -> type:
    """Faker's class with the names of a locale, imported on use: Faker is an optional dependency."""
    module = f"faker.providers.person.{locale}"
    try:
        provider: type = importlib.import_module(module).Provider
        return provider
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("faker"):
            raise
        raise FileNotFoundError(
            f"without path the texts are surnames from the package Faker, and {error.name} is not installed: "
            "`pip install 'seqharness[text]'`, or `pip install faker`"
        ) from None

"""What the recogniser behind `<Gather input="speech">` can be asked for: languages and models.

Source: Twilio "TwiML Gather", its appendix of language tags and its tables of speech models. The appendix is that of
the first recogniser, which Twilio is phasing out; the second passes the tag on to whichever provider it picks. A tag of
this list is the safe choice with either.
"""

from typing import Final

_ONE_COUNTRY: Final = (
    "af-ZA am-ET az-AZ bg-BG bs-BA ca-ES cs-CZ da-DK el-GR et-EE eu-ES fa-IR fi-FI fil-PH gl-ES gu-IN hi-IN hr-HR hu-HU"
    " hy-AM id-ID is-IS iw-IL ja-JP jv-ID ka-GE kk-KZ km-KH kn-IN ko-KR lo-LA lt-LT lv-LV mk-MK ml-IN mn-MN mr-IN ms-MY"
    " my-MM nb-NO ne-NP pa-guru-IN pl-PL ro-RO ru-RU si-LK sk-SK sl-SI sq-AL sr-RS su-ID sv-SE te-IN th-TH tr-TR uk-UA"
    " uz-UZ vi-VN zu-ZA"
)
_SEVERAL: Final = {
    "ar": "AE BH DZ EG IL IQ JO KW LB MA MR OM PS QA SA TN YE",
    "bn": "BD IN",
    "cmn": "Hans-CN Hans-HK Hant-TW",
    "de": "AT CH DE",
    "en": "AU CA GB GH HK IE IN KE NG NZ PH PK SG TZ US ZA",
    "es": "AR BO CL CO CR DO EC ES GT HN MX NI PA PE PR PY SV US UY VE",
    "fr": "BE CA CH FR",
    "it": "CH IT",
    "nl": "BE NL",
    "no": "NO",  # not in the appendix, but in the table of models
    "pt": "BR PT",
    "sw": "KE TZ",
    "ta": "IN LK MY SG",
    "ur": "IN PK",
    "yue": "Hant-HK",
}
LANGUAGES: Final = frozenset(
    [*_ONE_COUNTRY.split(), *(f"{tag}-{place}" for tag, places in _SEVERAL.items() for place in places.split())]
)
"""Every tag that `language` may have. Hebrew is iw-IL here, Mandarin cmn-Hans-CN, Cantonese yue-Hant-HK."""

_MODELS: Final = (
    "default numbers_and_commands phone_call experimental_conversations experimental_utterances"
    " googlev2_long googlev2_short googlev2_telephony googlev2_telephony_short"
)
MOST_HINTS: Final = 500
LONGEST_HINT: Final = 100
"""Characters of one entry of `hints`."""


def is_model(name: str) -> bool:
    """Whether `speechModel` may have this value: a generic model, one of Google's, or any of Deepgram's."""
    return name in _MODELS.split() or name.startswith("deepgram_nova-")

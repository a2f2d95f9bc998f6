"""Which voices speak which language in `<Say>`. Source: Twilio and Amazon Polly, lists of voices."""

from typing import Final

_POLLY: Final = {
    "ar-AE": "Hala",
    "arb": "Zeina",
    "ca-ES": "Arlet",
    "cmn-CN": "Zhiyu",
    "cy-GB": "Gwyneth",
    "da-DK": "Naja Sofie",
    "de-AT": "Hannah",
    "de-DE": "Vicki Daniel Marlene Hans",
    "en-AU": "Olivia Nicole Russell",
    "en-GB": "Amy Emma Brian Arthur",
    "en-IN": "Kajal Raveena Aditi",
    "en-US": "Joanna Matthew Salli Joey Ivy Justin Kendra Kevin Kimberly Ruth Stephen Danielle Gregory",
    "es-ES": "Lucia Sergio Conchita Enrique",
    "es-MX": "Mia Andres",
    "es-US": "Lupe Pedro Penelope Miguel",
    "fi-FI": "Suvi",
    "fr-CA": "Gabrielle Liam Chantal",
    "fr-FR": "Lea Remi Celine Mathieu",
    "hi-IN": "Kajal Aditi",
    "is-IS": "Dora Karl",
    "it-IT": "Bianca Adriano Carla Giorgio",
    "ja-JP": "Kazuha Takumi Tomoko Mizuki",
    "ko-KR": "Seoyeon",
    "nb-NO": "Ida Liv",
    "nl-NL": "Laura Lotte Ruben",
    "pl-PL": "Ola Ewa Maja Jacek Jan",
    "pt-BR": "Camila Thiago Vitoria Ricardo",
    "pt-PT": "Ines Cristiano",
    "ro-RO": "Carmen",
    "ru-RU": "Tatyana Maxim",
    "sv-SE": "Elin Astrid",
    "tr-TR": "Filiz",
    "yue-CN": "Hiujin",
}
_GOOGLE_ONLY: Final = (
    "uk-UA vi-VN th-TH id-ID ms-MY fil-PH ta-IN te-IN cs-CZ sk-SK hu-HU el-GR he-IL sr-RS bn-IN gu-IN kn-IN ml-IN"
)
_ALIASES: Final = {"zh-CN": "cmn-CN", "zh-HK": "yue-CN"}
LANGUAGES: Final = frozenset([*_POLLY, *_GOOGLE_ONLY.split(), *_ALIASES, "zh-TW", "cmn-TW"])
_BASIC: Final = ("", "man", "woman", "alice", "default")


def voice_problem(language: str, voice: str) -> str | None:
    """What is wrong with a pair of language and voice: the real company would warn, and read it with other sounds."""
    if language not in LANGUAGES:
        return f"language {language!r} is not spoken here"
    locale = _ALIASES.get(language, language)
    kind, _, name = voice.partition(".")
    if voice in _BASIC:
        return None
    if kind == "Google":
        return None if name.startswith(f"{locale}-") else f"voice {voice} does not speak {language}"
    if kind == "Polly":
        speakers = _POLLY.get(locale, "").split()
        return None if name.split("-")[0] in speakers else f"voice {voice} does not speak {language}"
    return f"voice {voice!r} does not exist"

"""The languages a call can be held in: their names, their telephone voices and the sentences we speak ourselves.

One table, one literal per language. A further language is a further literal; a further sentence is a further member of
`Sentence`, and the tests then ask for it in every language.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

LONGEST_NAME = 40
"""Characters `find` looks at; the longest name in the table has fewer than half as many."""

_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{1,8})*")


class Sentence(Enum):
    """What the service itself says to somebody on the phone."""

    GREETING = auto()
    """Thank you for calling, please hold."""
    UNTRANSLATED = auto()
    """No interpreter for the caller's language, the call goes on without one. Spoken in the *agent's* language."""
    BUSY = auto()
    """As many calls as we can carry are going on: call again in a few minutes."""
    UNAVAILABLE = auto()
    """Nobody took the call: call again later."""
    INTERRUPTED = auto()
    """The connection or the service broke: call again."""
    GOODBYE = auto()
    """The other party has hung up, the conversation is over."""
    TRANSLATION_LOST = auto()
    """From here on the other party's own voice is heard. This and the next two are told to caller and agent alike."""
    TRANSLATION_BACK = auto()
    """The translation goes on."""
    WORDS_LOST = auto()
    """Something was said that nobody will hear: ask for it again."""


IN_STREAM: Final = (Sentence.TRANSLATION_LOST, Sentence.TRANSLATION_BACK, Sentence.WORDS_LOST)
"""What is spoken into a running stream, where the carrier's voice cannot sound: about three seconds at most, because
the conversation goes on underneath. The rest is said before or after a stream."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language, spoken by a caller or an agent.

    `tag` is its short name everywhere in this program ("es"). `words` are the further lower-case names and codes people
    write for it. `say_language` and `say_voice` are the pair Twilio's `<Say>` needs (always set both: the voice alone
    falls back to an English reading). `continuous_target` tells whether gpt-realtime-translate can be asked to *speak*
    it (OpenAI's translation guide lists 13 output languages, as bare two-letter codes; input is never configured).
    """

    tag: str
    english: str
    own: str
    words: frozenset[str] = field(compare=False, repr=False)
    say_language: str
    say_voice: str
    continuous_target: bool
    sentences: Mapping[Sentence, str] = field(compare=False, repr=False)


_ALL = (
    Language(
        tag="en",
        english="English",
        own="English",
        words=frozenset({"eng", "inglés", "ingles", "anglais"}),
        say_language="en-US",
        say_voice="Polly.Joanna-Neural",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "Thank you for calling. Please hold while we connect you.",
            Sentence.UNTRANSLATED: "We are sorry, we could not set up an interpreter for your language. "
            "You will be connected without translation.",
            Sentence.BUSY: "We are sorry, all our lines are busy at the moment. "
            "Please call again in a few minutes. Goodbye.",
            Sentence.UNAVAILABLE: "We are sorry, no one is available to take your call at the moment. "
            "Please call again later. Goodbye.",
            Sentence.INTERRUPTED: "We are sorry, the connection was interrupted. Please call again. Goodbye.",
            Sentence.GOODBYE: "The conversation has ended. Thank you for calling. Goodbye.",
            Sentence.TRANSLATION_LOST: "Translation interrupted, you now hear the original voice.",
            Sentence.TRANSLATION_BACK: "The translation is working again.",
            Sentence.WORDS_LOST: "Some words were lost, please ask for them again.",
        },
    ),
    Language(
        tag="es",
        english="Spanish",
        own="Español",
        words=frozenset({"spa", "espanol", "castellano", "castilian"}),
        say_language="es-MX",
        say_voice="Polly.Mia-Neural",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "Gracias por llamar. Por favor, espere en la línea mientras le comunicamos.",
            Sentence.UNTRANSLATED: "Lo sentimos, no pudimos conseguir un intérprete para su idioma. "
            "Le comunicaremos sin traducción.",
            Sentence.BUSY: "Lo sentimos, en este momento todas nuestras líneas están ocupadas. "
            "Por favor, vuelva a llamar en unos minutos. Hasta luego.",
            Sentence.UNAVAILABLE: "Lo sentimos, en este momento no hay nadie disponible para atenderle. "
            "Por favor, vuelva a llamar más tarde. Hasta luego.",
            Sentence.INTERRUPTED: "Lo sentimos, se interrumpió la comunicación. Por favor, vuelva a llamar. "
            "Hasta luego.",
            Sentence.GOODBYE: "La conversación ha terminado. Gracias por llamar. Hasta luego.",
            Sentence.TRANSLATION_LOST: "Traducción interrumpida, ahora oye la voz original.",
            Sentence.TRANSLATION_BACK: "La traducción funciona de nuevo.",
            Sentence.WORDS_LOST: "Se perdieron unas palabras, pida que las repitan.",
        },
    ),
    Language(
        tag="fr",
        english="French",
        own="Français",
        words=frozenset({"fra", "fre", "francais"}),
        say_language="fr-FR",
        say_voice="Polly.Lea-Neural",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "Merci de votre appel. Veuillez patienter, nous vous mettons en relation.",
            Sentence.UNTRANSLATED: "Nous sommes désolés, nous n'avons pas pu trouver d'interprète pour votre langue. "
            "Vous allez être mis en relation sans traduction.",
            Sentence.BUSY: "Nous sommes désolés, toutes nos lignes sont occupées pour le moment. "
            "Veuillez rappeler dans quelques minutes. Au revoir.",
            Sentence.UNAVAILABLE: "Nous sommes désolés, personne n'est disponible pour prendre votre appel. "
            "Veuillez rappeler plus tard. Au revoir.",
            Sentence.INTERRUPTED: "Nous sommes désolés, la communication a été interrompue. "
            "Veuillez rappeler. Au revoir.",
            Sentence.GOODBYE: "La conversation est terminée. Merci de votre appel. Au revoir.",
            Sentence.TRANSLATION_LOST: "La traduction est interrompue, voici la voix originale.",
            Sentence.TRANSLATION_BACK: "La traduction est rétablie.",
            Sentence.WORDS_LOST: "Des mots ont été perdus, veuillez les faire répéter.",
        },
    ),
    Language(
        tag="zh",
        english="Chinese",
        own="中文",
        words=frozenset(
            {"zho", "chi", "cmn", "mandarin", "mandarin chinese", "普通话", "普通話", "国语", "國語", "汉语"}
        ),
        say_language="cmn-CN",
        say_voice="Polly.Zhiyu-Neural",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "感谢您的来电。正在为您转接，请稍候。",
            Sentence.UNTRANSLATED: "很抱歉，我们无法为您的语言安排翻译，将直接为您接通电话。",
            Sentence.BUSY: "很抱歉，目前所有线路都在忙。请您过几分钟再拨。再见。",
            Sentence.UNAVAILABLE: "很抱歉，目前无人可以接听您的电话。请您稍后再拨。再见。",
            Sentence.INTERRUPTED: "很抱歉，通话已中断。请您重新拨打。再见。",
            Sentence.GOODBYE: "本次通话已结束。感谢您的来电，再见。",
            Sentence.TRANSLATION_LOST: "翻译已中断，您听到的是原声。",
            Sentence.TRANSLATION_BACK: "翻译已恢复正常。",
            Sentence.WORDS_LOST: "部分内容丢失，请让对方重复一遍。",
        },
    ),
    Language(
        tag="hi",
        english="Hindi",
        own="हिन्दी",
        words=frozenset({"hin", "हिंदी"}),
        say_language="hi-IN",
        say_voice="Polly.Kajal-Neural",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "कॉल करने के लिए धन्यवाद। कृपया लाइन पर बने रहें, हम आपकी कॉल जोड़ रहे हैं।",
            Sentence.UNTRANSLATED: "क्षमा कीजिए, हम आपकी भाषा के लिए दुभाषिया उपलब्ध नहीं करा सके। "
            "आपकी कॉल बिना अनुवाद के जोड़ी जाएगी।",
            Sentence.BUSY: "क्षमा कीजिए, इस समय हमारी सभी लाइनें व्यस्त हैं। कृपया कुछ मिनट बाद फिर से कॉल करें। नमस्कार।",
            Sentence.UNAVAILABLE: "क्षमा कीजिए, इस समय आपकी कॉल लेने के लिए कोई उपलब्ध नहीं है। कृपया बाद में कॉल करें। नमस्कार।",
            Sentence.INTERRUPTED: "क्षमा कीजिए, संपर्क टूट गया है। कृपया फिर से कॉल करें। नमस्कार।",
            Sentence.GOODBYE: "बातचीत समाप्त हो गई है। कॉल करने के लिए धन्यवाद। नमस्कार।",
            Sentence.TRANSLATION_LOST: "अनुवाद रुक गया है, अब मूल आवाज़ सुनाई देगी।",
            Sentence.TRANSLATION_BACK: "अनुवाद फिर से चालू है।",
            Sentence.WORDS_LOST: "कुछ शब्द छूट गए, कृपया दोबारा पूछ लें।",
        },
    ),
    Language(
        tag="de",
        english="German",
        own="Deutsch",
        words=frozenset({"deu", "ger"}),
        say_language="de-DE",
        say_voice="Polly.Vicki-Neural",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "Vielen Dank für Ihren Anruf. Bitte bleiben Sie am Apparat, wir verbinden Sie.",
            Sentence.UNTRANSLATED: "Leider konnten wir für Ihre Sprache keinen Dolmetscher bereitstellen. "
            "Sie werden ohne Übersetzung verbunden.",
            Sentence.BUSY: "Leider sind im Moment alle Leitungen belegt. "
            "Bitte rufen Sie in einigen Minuten noch einmal an. Auf Wiederhören.",
            Sentence.UNAVAILABLE: "Leider kann im Moment niemand Ihren Anruf entgegennehmen. "
            "Bitte rufen Sie später noch einmal an. Auf Wiederhören.",
            Sentence.INTERRUPTED: "Leider wurde die Verbindung unterbrochen. "
            "Bitte rufen Sie noch einmal an. Auf Wiederhören.",
            Sentence.GOODBYE: "Das Gespräch ist beendet. Vielen Dank für Ihren Anruf. Auf Wiederhören.",
            Sentence.TRANSLATION_LOST: "Übersetzung unterbrochen, Sie hören das Original.",
            Sentence.TRANSLATION_BACK: "Die Übersetzung läuft wieder.",
            Sentence.WORDS_LOST: "Einige Worte fehlen, bitte fragen Sie nach.",
        },
    ),
    Language(
        tag="it",
        english="Italian",
        own="Italiano",
        words=frozenset({"ita"}),
        say_language="it-IT",
        say_voice="Polly.Bianca-Neural",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "Grazie per la chiamata. La preghiamo di restare in linea, la stiamo collegando.",
            Sentence.UNTRANSLATED: "Siamo spiacenti, non è stato possibile trovare un interprete per la sua lingua. "
            "La chiamata proseguirà senza traduzione.",
            Sentence.BUSY: "Siamo spiacenti, al momento tutte le linee sono occupate. "
            "La preghiamo di richiamare tra qualche minuto. Arrivederci.",
            Sentence.UNAVAILABLE: "Siamo spiacenti, al momento nessuno può rispondere alla sua chiamata. "
            "La preghiamo di richiamare più tardi. Arrivederci.",
            Sentence.INTERRUPTED: "Siamo spiacenti, il collegamento si è interrotto. "
            "La preghiamo di richiamare. Arrivederci.",
            Sentence.GOODBYE: "La conversazione è terminata. Grazie per la chiamata. Arrivederci.",
            Sentence.TRANSLATION_LOST: "Traduzione interrotta, sente la voce originale.",
            Sentence.TRANSLATION_BACK: "La traduzione è ripresa.",
            Sentence.WORDS_LOST: "Alcune parole mancano, chieda di ripeterle.",
        },
    ),
    Language(
        tag="pt",
        english="Portuguese",
        own="Português",
        words=frozenset({"por", "portugues", "brazilian", "brazilian portuguese"}),
        say_language="pt-BR",
        say_voice="Polly.Camila-Neural",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "Agradecemos a sua ligação. "
            "Por favor, aguarde na linha enquanto transferimos a chamada.",
            Sentence.UNTRANSLATED: "Lamentamos, não foi possível encontrar um intérprete para o seu idioma. "
            "A sua chamada continuará sem tradução.",
            Sentence.BUSY: "Lamentamos, todas as nossas linhas estão ocupadas no momento. "
            "Por favor, ligue novamente em alguns minutos. Até logo.",
            Sentence.UNAVAILABLE: "Lamentamos, não há ninguém disponível para atender a sua chamada no momento. "
            "Por favor, ligue novamente mais tarde. Até logo.",
            Sentence.INTERRUPTED: "Lamentamos, a ligação foi interrompida. Por favor, ligue novamente. Até logo.",
            Sentence.GOODBYE: "A conversa foi encerrada. Agradecemos a sua ligação. Até logo.",
            Sentence.TRANSLATION_LOST: "Tradução interrompida, agora você ouve a voz original.",
            Sentence.TRANSLATION_BACK: "A tradução voltou a funcionar.",
            Sentence.WORDS_LOST: "Algumas palavras se perderam, peça para repeti-las.",
        },
    ),
    Language(
        tag="ja",
        english="Japanese",
        own="日本語",
        words=frozenset({"jpn", "nihongo"}),
        say_language="ja-JP",
        say_voice="Polly.Kazuha-Neural",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "お電話ありがとうございます。おつなぎいたしますので、そのままお待ちください。",
            Sentence.UNTRANSLATED: "申し訳ございません。お客様の言語の通訳をご用意できませんでした。"
            "通訳なしでおつなぎいたします。",
            Sentence.BUSY: "申し訳ございません。ただいま電話が大変混み合っております。"
            "数分後におかけ直しください。失礼いたします。",
            Sentence.UNAVAILABLE: "申し訳ございません。ただいま対応できる者がおりません。"
            "後ほどおかけ直しください。失礼いたします。",
            Sentence.INTERRUPTED: "申し訳ございません。通話が途切れました。恐れ入りますが、おかけ直しください。"
            "失礼いたします。",
            Sentence.GOODBYE: "通話は終了いたしました。お電話ありがとうございました。失礼いたします。",
            Sentence.TRANSLATION_LOST: "通訳が中断しました。元の声に切り替えます。",
            Sentence.TRANSLATION_BACK: "通訳が再開しました。",
            Sentence.WORDS_LOST: "一部が途切れました。お聞き直しください。",
        },
    ),
    Language(
        tag="ko",
        english="Korean",
        own="한국어",
        words=frozenset({"kor"}),
        say_language="ko-KR",
        say_voice="Polly.Seoyeon-Neural",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "전화해 주셔서 감사합니다. 연결해 드리는 동안 잠시만 기다려 주십시오.",
            Sentence.UNTRANSLATED: "죄송합니다. 고객님의 언어로 통역을 준비하지 못했습니다. "
            "통역 없이 연결해 드리겠습니다.",
            Sentence.BUSY: "죄송합니다. 지금은 모든 회선이 통화 중입니다. 몇 분 후에 다시 전화해 주십시오. "
            "안녕히 계십시오.",
            Sentence.UNAVAILABLE: "죄송합니다. 지금은 전화를 받을 수 있는 사람이 없습니다. "
            "나중에 다시 전화해 주십시오. 안녕히 계십시오.",
            Sentence.INTERRUPTED: "죄송합니다. 연결이 끊어졌습니다. 다시 전화해 주십시오. 안녕히 계십시오.",
            Sentence.GOODBYE: "통화가 종료되었습니다. 전화해 주셔서 감사합니다. 안녕히 계십시오.",
            Sentence.TRANSLATION_LOST: "통역이 중단되어 원래 음성이 들립니다.",
            Sentence.TRANSLATION_BACK: "통역이 다시 연결되었습니다.",
            Sentence.WORDS_LOST: "일부 말씀이 누락되었으니 다시 물어봐 주십시오.",
        },
    ),
    Language(
        tag="ru",
        english="Russian",
        own="Русский",
        words=frozenset({"rus"}),
        say_language="ru-RU",
        say_voice="Polly.Tatyana",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "Спасибо за звонок. Пожалуйста, оставайтесь на линии, мы вас соединяем.",
            Sentence.UNTRANSLATED: "К сожалению, нам не удалось найти переводчика для вашего языка. "
            "Мы соединим вас без перевода.",
            Sentence.BUSY: "К сожалению, сейчас все линии заняты. "
            "Пожалуйста, перезвоните через несколько минут. До свидания.",
            Sentence.UNAVAILABLE: "К сожалению, сейчас никто не может ответить на ваш звонок. "
            "Пожалуйста, перезвоните позже. До свидания.",
            Sentence.INTERRUPTED: "К сожалению, связь прервалась. Пожалуйста, перезвоните. До свидания.",
            Sentence.GOODBYE: "Разговор завершён. Спасибо за звонок. До свидания.",
            Sentence.TRANSLATION_LOST: "Перевод прерван, вы слышите голос собеседника.",
            Sentence.TRANSLATION_BACK: "Перевод снова работает.",
            Sentence.WORDS_LOST: "Часть слов потеряна, пожалуйста, попросите повторить.",
        },
    ),
    Language(
        tag="id",
        english="Indonesian",
        own="Bahasa Indonesia",
        words=frozenset({"ind", "bahasa"}),
        say_language="id-ID",
        say_voice="Google.id-ID-Standard-A",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "Terima kasih telah menelepon. Mohon tunggu sebentar, kami sedang menyambungkan Anda.",
            Sentence.UNTRANSLATED: "Mohon maaf, kami tidak dapat menyediakan juru bahasa untuk bahasa Anda. "
            "Anda akan disambungkan tanpa terjemahan.",
            Sentence.BUSY: "Mohon maaf, saat ini semua saluran kami sedang sibuk. "
            "Silakan menelepon kembali beberapa menit lagi. Sampai jumpa.",
            Sentence.UNAVAILABLE: "Mohon maaf, saat ini belum ada yang dapat menerima panggilan Anda. "
            "Silakan menelepon kembali nanti. Sampai jumpa.",
            Sentence.INTERRUPTED: "Mohon maaf, sambungan terputus. Silakan menelepon kembali. Sampai jumpa.",
            Sentence.GOODBYE: "Percakapan telah berakhir. Terima kasih telah menelepon. Sampai jumpa.",
            Sentence.TRANSLATION_LOST: "Terjemahan terputus, kini terdengar suara aslinya.",
            Sentence.TRANSLATION_BACK: "Terjemahan sudah berfungsi kembali.",
            Sentence.WORDS_LOST: "Beberapa kata terlewat, mohon minta diulangi.",
        },
    ),
    Language(
        tag="vi",
        english="Vietnamese",
        own="Tiếng Việt",
        words=frozenset({"vie", "tieng viet", "việt"}),
        say_language="vi-VN",
        say_voice="Google.vi-VN-Wavenet-A",
        continuous_target=True,
        sentences={
            Sentence.GREETING: "Cảm ơn quý khách đã gọi. Xin vui lòng giữ máy trong khi chúng tôi kết nối.",
            Sentence.UNTRANSLATED: "Rất tiếc, chúng tôi không thể bố trí phiên dịch cho ngôn ngữ của quý khách. "
            "Cuộc gọi sẽ được kết nối mà không có phiên dịch.",
            Sentence.BUSY: "Rất tiếc, hiện tại tất cả các đường dây đều bận. "
            "Xin quý khách vui lòng gọi lại sau ít phút. Xin tạm biệt.",
            Sentence.UNAVAILABLE: "Rất tiếc, hiện tại không có ai có thể nhận cuộc gọi của quý khách. "
            "Xin quý khách vui lòng gọi lại sau. Xin tạm biệt.",
            Sentence.INTERRUPTED: "Rất tiếc, kết nối đã bị gián đoạn. Xin quý khách vui lòng gọi lại. Xin tạm biệt.",
            Sentence.GOODBYE: "Cuộc trò chuyện đã kết thúc. Cảm ơn quý khách đã gọi. Xin tạm biệt.",
            Sentence.TRANSLATION_LOST: "Phiên dịch bị gián đoạn, đây là giọng nói gốc.",
            Sentence.TRANSLATION_BACK: "Phiên dịch đã hoạt động trở lại.",
            Sentence.WORDS_LOST: "Một vài từ đã bị mất, xin đề nghị nhắc lại.",
        },
    ),
)

LANGUAGES: Mapping[str, Language] = MappingProxyType({language.tag: language for language in _ALL})
"""Every language by its short tag, in the order the menus name them."""


def get(tag: str) -> Language:
    """Return the language of one of our own tags; a `KeyError` here is a bug, for foreign text there is `find`."""
    return LANGUAGES[tag]


def find(text: str | None) -> Language | None:
    """Return the language that a setting, a menu or a `lang=` parameter means, or None when it is none of ours.

    Takes our tags, ISO 639 codes, English and own names in any case, and language tags with script or region
    ("es-MX", "zh_Hant_TW", "cmn-CN"), of which only the language counts. Any text is safe to pass: it is compared with
    the table and never used for anything else.
    """
    if text is None or len(text) > LONGEST_NAME:
        return None
    word = _normalised(text)
    if found := _BY_WORD.get(word):
        return found
    tag = word.replace("_", "-")
    return _BY_WORD.get(tag.partition("-")[0]) if _TAG.fullmatch(tag) else None


def _normalised(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _by_word(languages: Iterable[Language]) -> dict[str, Language]:
    return {
        _normalised(word): language
        for language in languages
        for word in (language.tag, language.english, language.own, *language.words)
    }


_BY_WORD = _by_word(_ALL)

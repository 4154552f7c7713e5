import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.malay import spell_out
from engines.malay.numbers import cardinal, decimal, digits, ordinal

SAME_EACH_TIME = settings(deadline=None, derandomize=True, database=None)

CARDINALS = {
    0: "sifar",
    7: "tujuh",
    10: "sepuluh",
    11: "sebelas",
    12: "dua belas",
    19: "sembilan belas",
    20: "dua puluh",
    28: "dua puluh lapan",
    100: "seratus",
    101: "seratus satu",
    111: "seratus sebelas",
    999: "sembilan ratus sembilan puluh sembilan",
    1_000: "seribu",
    1_100: "seribu seratus",
    1_957: "seribu sembilan ratus lima puluh tujuh",
    2_026: "dua ribu dua puluh enam",
    11_000: "sebelas ribu",
    21_001: "dua puluh satu ribu satu",
    100_000: "seratus ribu",
    101_000: "seratus satu ribu",
    1_000_000: "satu juta",
    1_001_000: "satu juta seribu",
    2_500_000_000: "dua bilion lima ratus juta",
    3_000_000_000_000: "tiga trilion",
    999_999_999_999_999: "sembilan ratus sembilan puluh sembilan trilion sembilan ratus sembilan "
    "puluh sembilan bilion sembilan ratus sembilan puluh sembilan juta sembilan ratus sembilan "
    "puluh sembilan ribu sembilan ratus sembilan puluh sembilan",
    -5: "negatif lima",
}


@pytest.mark.parametrize(("number", "words"), CARDINALS.items())
def test_cardinals(number, words):
    assert cardinal(number) == words


def test_beyond_trillions_each_digit_is_said():
    assert cardinal(10**15) == "satu" + " kosong" * 15


@SAME_EACH_TIME
@given(st.integers(0, 10**15 - 1))
def test_every_number_can_be_read_back(number):
    assert read(cardinal(number)) == number


def read(words):
    """The number that ``words`` say: the grammar the other way round."""
    units = ["sifar", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "lapan", "sembilan"]
    scales = {"ribu": 10**3, "juta": 10**6, "bilion": 10**9, "trilion": 10**12}
    total = group = current = 0
    for word in words.replace("seribu", "satu ribu").split():
        if word in units:
            group, current = group + current, units.index(word)
        elif word == "belas":
            current += 10
        elif word in ("sepuluh", "sebelas", "seratus"):
            group += current + {"sepuluh": 10, "sebelas": 11, "seratus": 100}[word]
            current = 0
        elif word in ("puluh", "ratus"):
            group, current = group + current * (10 if word == "puluh" else 100), 0
        else:
            total, group, current = total + (group + current) * scales[word], 0, 0
    return total + group + current


def test_ordinals_decimals_and_digits():
    assert [ordinal(n) for n in (1, 2, 3, 10, 21)] == [
        "pertama", "kedua", "ketiga", "kesepuluh", "kedua puluh satu",
    ]  # fmt: skip
    assert decimal("1,234.50") == "seribu dua ratus tiga puluh empat perpuluhan lima sifar"
    assert digits("03-12") == "kosong tiga satu dua"


TEXTS = {
    # money
    "RM12.50": "dua belas ringgit lima puluh sen",
    "Harganya RM 1,200.": "Harganya seribu dua ratus ringgit.",
    "RM0.05": "lima sen",
    "RM0": "sifar ringgit",
    "RM1.5": "satu ringgit lima puluh sen",
    "RM1.2 juta": "satu perpuluhan dua juta ringgit",
    "-RM5": "negatif lima ringgit",
    "RM5-RM10": "lima ringgit hingga sepuluh ringgit",
    "US$3.99": "tiga dolar Amerika sembilan puluh sembilan sen",
    "Rp50,000": "lima puluh ribu rupiah",
    "MYR100": "seratus ringgit",
    # dates
    "28/11/2026": "dua puluh lapan November dua ribu dua puluh enam",
    "28-11-2026": "dua puluh lapan November dua ribu dua puluh enam",
    "2026-11-28": "dua puluh lapan November dua ribu dua puluh enam",
    "pada 1.5.2026.": "pada satu Mei dua ribu dua puluh enam.",
    "31/8/57": "tiga puluh satu Ogos dua ribu lima puluh tujuh",
    "31/8/95": "tiga puluh satu Ogos seribu sembilan ratus sembilan puluh lima",
    "28hb November": "dua puluh lapan hari bulan November",
    "28 November 2026": "dua puluh lapan November dua ribu dua puluh enam",
    "tahun 1990-an": "tahun seribu sembilan ratus sembilan puluhan",
    # times
    "3:45": "tiga empat puluh lima minit",
    "3:00": "tiga",
    "15:05": "lima belas lima minit",
    "10:20:30": "sepuluh dua puluh minit tiga puluh saat",
    "3:45 pm": "tiga empat puluh lima minit petang",
    "10:30 a.m.": "sepuluh tiga puluh minit pagi",
    "8pm": "lapan malam",
    "12 pm": "dua belas tengah hari",
    "12:00 am": "dua belas tengah malam",
    "pukul 8.30 pagi": "pukul lapan tiga puluh minit pagi",
    "8:00-9:30": "lapan hingga sembilan tiga puluh minit",
    # ordinals
    "ke-2": "kedua",
    "Ke-1": "Pertama",
    "abad ke-21": "abad kedua puluh satu",
    # measures
    "5 km": "lima kilometer",
    "10kg": "sepuluh kilogram",
    "60 km/j": "enam puluh kilometer sejam",
    "1,000 m²": "seribu meter persegi",
    "12.5%": "dua belas perpuluhan lima peratus",
    "30°C": "tiga puluh darjah Celsius",
    "-5°C": "negatif lima darjah Celsius",
    "20-25°C": "dua puluh hingga dua puluh lima darjah Celsius",
    "50% - 60%": "lima puluh peratus hingga enam puluh peratus",
    # digit by digit
    "03-1234 5678": "kosong tiga, satu dua tiga empat, lima enam tujuh lapan",
    "012-3456789": "kosong satu dua, tiga empat lima enam tujuh lapan sembilan",
    "+60 12-345 6789": "tambah enam kosong, satu dua, tiga empat lima, enam tujuh lapan sembilan",
    "900101-14-5678": "sembilan kosong kosong satu kosong satu, satu empat, lima enam tujuh lapan",
    "1234567": "satu dua tiga empat lima enam tujuh",
    "007": "kosong kosong tujuh",
    "A102": "A satu kosong dua",
    "192.168.0.1": "satu sembilan dua titik satu enam lapan titik kosong titik satu",
    # plain numbers
    "999": "sembilan ratus sembilan puluh sembilan",
    "1000000": "satu juta",
    "1.000.000": "satu juta",
    "1,234,567": "satu juta dua ratus tiga puluh empat ribu lima ratus enam puluh tujuh",
    "3.14": "tiga perpuluhan satu empat",
    "-7": "negatif tujuh",
    "1/2 cawan": "setengah cawan",
    "3/4": "tiga suku",
    "2/5": "dua per lima",
    "5-10 orang": "lima hingga sepuluh orang",
    "No. 5": "Nombor lima",
    "B12": "B dua belas",
    "5G": "lima G",
    "Ada 3 kucing, 4 anjing.": "Ada tiga kucing, empat anjing.",
    "Dia berumur 12.": "Dia berumur dua belas.",
    "٣ dan ３": "tiga dan tiga",
}


@pytest.mark.parametrize(("written", "spoken"), TEXTS.items())
def test_texts(written, spoken):
    assert spell_out(written) == spoken


def test_a_day_that_is_in_no_calendar_is_read_as_numbers():
    assert spell_out("31/2/2026") == "tiga puluh satu/dua/dua ribu dua puluh enam"


def test_words_stay_as_they_are():
    text = "Selamat pagi, apa khabar?\n“Baik – terima kasih.” Kereta-kereta itu..."
    assert spell_out(text) == text


@SAME_EACH_TIME
@given(st.text(alphabet="0123456789 .,:/-+%°ABRMkmgpehz\n$€٣３²½—", max_size=60))
def test_no_digit_is_left_and_the_rest_is_left_alone(text):
    spoken = spell_out(text)
    assert not any(character.isdecimal() for character in spoken)
    assert spell_out(spoken) == spoken

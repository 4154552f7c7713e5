"""Language codes: the many ways to write one, and the one that engines use."""

_ALPHA3_TO_ALPHA2 = """
    aar:aa abk:ab afr:af aka:ak amh:am ara:ar arg:an asm:as ava:av ave:ae aym:ay aze:az bak:ba
    bam:bm bel:be ben:bn bis:bi bod:bo bos:bs bre:br bul:bg cat:ca ces:cs cha:ch che:ce chu:cu
    chv:cv cor:kw cos:co cre:cr cym:cy dan:da deu:de div:dv dzo:dz ell:el eng:en epo:eo est:et
    eus:eu ewe:ee fao:fo fas:fa fij:fj fin:fi fra:fr fry:fy ful:ff gla:gd gle:ga glg:gl glv:gv
    grn:gn guj:gu hat:ht hau:ha hbs:sh heb:he her:hz hin:hi hmo:ho hrv:hr hun:hu hye:hy ibo:ig
    ido:io iii:ii iku:iu ile:ie ina:ia ind:id ipk:ik isl:is ita:it jav:jv jpn:ja kal:kl kan:kn
    kas:ks kat:ka kau:kr kaz:kk khm:km kik:ki kin:rw kir:ky kom:kv kon:kg kor:ko kua:kj kur:ku
    lao:lo lat:la lav:lv lim:li lin:ln lit:lt ltz:lb lub:lu lug:lg mah:mh mal:ml mar:mr mkd:mk
    mlg:mg mlt:mt mon:mn mri:mi msa:ms mya:my nau:na nav:nv nbl:nr nde:nd ndo:ng nep:ne nld:nl
    nno:nn nob:nb nor:no nya:ny oci:oc oji:oj ori:or orm:om oss:os pan:pa pli:pi pol:pl por:pt
    pus:ps que:qu roh:rm ron:ro run:rn rus:ru sag:sg san:sa sin:si slk:sk slv:sl sme:se smo:sm
    sna:sn snd:sd som:so sot:st spa:es sqi:sq srd:sc srp:sr ssw:ss sun:su swa:sw swe:sv tah:ty
    tam:ta tat:tt tel:te tgk:tg tgl:tl tha:th tir:ti ton:to tsn:tn tso:ts tuk:tk tur:tr twi:tw
    uig:ug ukr:uk urd:ur uzb:uz ven:ve vie:vi vol:vo wln:wa wol:wo xho:xh yid:yi yor:yo zha:za
    zho:zh zul:zu
    alb:sq arm:hy baq:eu bur:my chi:zh cze:cs dut:nl fre:fr geo:ka ger:de gre:el ice:is mac:mk
    mao:mi may:ms per:fa rum:ro slo:sk tib:bo wel:cy
    arb:ar azj:az cmn:zh ekk:et fuv:ff gaz:om khk:mn kmr:ku lvs:lv npi:ne ory:or pes:fa plt:mg
    quz:qu swh:sw uzn:uz ydd:yi zlm:ms zsm:ms
    """
"""ISO 639-3 to 639-1; then the bibliographic codes of 639-2; then single languages that stand for
their macrolanguage in names such as ``mms-tts-zlm``. ``fil`` is the name of standard Tagalog."""
_OTHER_NAMES = {"fil": "tl", "iw": "he", "in": "id", "ji": "yi", "jw": "jv"}
_TO_ALPHA2 = dict(pair.split(":") for pair in _ALPHA3_TO_ALPHA2.split()) | _OTHER_NAMES


def normalize_language(code: str) -> str:
    """Return the two-letter form of ``code`` where there is one, else its lower-case language.

    Regions and scripts are dropped: ``en-US``, ``eng`` and ``EN`` are ``en``; ``zlm`` is ``ms``.
    Cantonese is a language of its own: ``zh-HK``, ``zh-yue`` and ``yue`` are ``yue``.
    """
    language, *rest = code.strip().lower().replace("_", "-").split("-")
    if language == "zh" and not {"hk", "mo", "yue"}.isdisjoint(rest):
        return "yue"
    return _TO_ALPHA2.get(language, language)

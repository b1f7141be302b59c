"""The names that the demo's people, firms and towns have: invented combinations in nine scripts.

Each name is (as it is written, in Latin letters for an e-mail address).
"""

from __future__ import annotations

from dataclasses import dataclass

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """A country's writing: `phone` holds a `#` for each digit."""

    firsts: tuple[Name, ...]
    lasts: tuple[Name, ...]
    towns: tuple[str, ...]
    trades: tuple[str, ...]
    phone: str


def _names(text: str) -> tuple[Name, ...]:
    parts = (part.split("=") for part in text.split(", "))
    return tuple((part[0], part[-1]) for part in parts)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


PLACES: dict[str, Place] = {
    "german": Place(
        _names("Jürgen=juergen, Anneliese, Käthe=kaethe, Björn=bjoern, Sören=soeren, Ute, Günther=guenther"),
        _names("Müller=mueller, Weiß=weiss, Groß=gross, von der Heide=vonderheide, Köhler=koehler"),
        _words("Köln, Düsseldorf, München, Görlitz, Berlin, Nürnberg"),
        _words("Maschinenbau GmbH, Großhandel AG, Söhne KG, Getränke GmbH, Elektrotechnik GmbH"),
        "+49 30 5#######",
    ),
    "romance": Place(
        _names("Zoë=zoe, François=francois, Chloé=chloe, Iñigo=inigo, João=joao, Benoît=benoit, Lucía=lucia"),
        _names("Lefèvre=lefevre, Núñez=nunez, de la Cruz=delacruz, Gonçalves=goncalves, Ibáñez=ibanez"),
        _words("Orléans, A Coruña, São Paulo, Besançon, Málaga, Liège"),
        _words("& Fils SARL, Hermanos S.L., Indústria Lda, Conseil SAS, Distribución S.A."),
        "+33 1 42######",
    ),
    "slavic": Place(
        _names("Łukasz=lukasz, Żaneta=zaneta, Šimon=simon, Dvořák=dvorak, Nađa=nadja, Čedomir=cedomir"),
        _names("Wójcik=wojcik, Kovačević=kovacevic, Nováček=novacek, Szymański=szymanski, Đurić=djuric"),
        _words("Łódź, Plzeň, Niš, Košice, Gdańsk, Čačak"),
        _words("Sp. z o.o., s.r.o., d.o.o., a.s., Hurtownia S.A."),
        "+48 22 5######",
    ),
    "cyrillic": Place(
        _names("Анна=anna, Дмитрий=dmitri, Ольга=olga, Сергей=sergei, Юлия=yulia, Богдан=bohdan, Ёлка=yolka"),
        _names("Иванова=ivanova, Шевченко=shevchenko, Петров=petrov, Кузнецова=kuznetsova, Щукин=shchukin"),
        _words("София, Київ, Белград, Пловдив, Львів, Скопје"),
        _words("ООО, ЕООД, ТОВ, АД, и синове"),
        "+380 44 2######",
    ),
    "greek": Place(
        _names("Ελένη=eleni, Γιώργος=giorgos, Αθηνά=athina, Νίκος=nikos, Μαρία=maria, Σπύρος=spyros"),
        _names("Παπαδόπουλος=papadopoulos, Γεωργίου=georgiou, Δημητρίου=dimitriou, Βλάχος=vlachos"),
        _words("Αθήνα, Θεσσαλονίκη, Πάτρα, Ηράκλειο, Βόλος"),
        _words("Α.Ε., Ο.Ε., Εμπορική, και Υιοί, Ναυτιλιακή"),
        "+30 21 07######",
    ),
    "arabic": Place(
        _names("فاطمة=fatima, محمد=mohammed, ليلى=layla, يوسف=youssef, أحمد=ahmed, نور=nour"),
        _names("الحسن=alhassan, العلي=alali, منصور=mansour, حداد=haddad, خوري=khoury"),
        _words("القاهرة, عمّان, بيروت, الدار البيضاء, دبي"),
        _words("للتجارة, وأولاده, للصناعة, القابضة, للنقل"),
        "+20 2 2#######",
    ),
    "hebrew": Place(
        _names("נועה=noa, דוד=david, תמר=tamar, יונתן=yonatan, שירה=shira, אלון=alon"),
        _names("כהן=cohen, לוי=levi, מזרחי=mizrahi, פרידמן=friedman, בן דוד=bendavid"),
        _words("תל אביב, חיפה, ירושלים, באר שבע, רעננה"),
        _words('בע"מ, ובניו, תעשיות, שיווק, הנדסה'),
        "+972 3 5######",
    ),
    "chinese": Place(
        _names("伟=wei, 芳=fang, 秀英=xiuying, 娜=na, 强=qiang, 静=jing, 磊=lei"),
        _names("王=wang, 李=li, 张=zhang, 欧阳=ouyang, 陈=chen, 刘=liu"),
        _words("上海, 北京, 深圳, 成都, 臺北"),
        _words("有限公司, 科技有限公司, 贸易公司, 集团, 股份有限公司"),
        "+86 10 6#######",
    ),
    "japanese": Place(
        _names("陽葵=himari, 健太=kenta, さくら=sakura, ユウキ=yuki, 美咲=misaki, 翔=sho"),
        _names("佐藤=sato, 鈴木=suzuki, 髙橋=takahashi, 渡邉=watanabe, 小林=kobayashi"),
        _words("東京, 大阪, 札幌, 福岡, 京都"),
        _words("株式会社, 商事, 製作所, 合同会社, 運輸"),
        "+81 3 3#######",
    ),
    "devanagari": Place(
        _names("अंजलि=anjali, राहुल=rahul, प्रिया=priya, विक्रम=vikram, सुनीता=sunita, अर्जुन=arjun"),
        _names("शर्मा=sharma, पटेल=patel, गुप्ता=gupta, सिंह=singh, देशपांडे=deshpande"),
        _words("मुंबई, दिल्ली, पुणे, जयपुर, काठमांडू"),
        _words("प्राइवेट लिमिटेड, उद्योग, ट्रेडर्स, एंड संस, इंजीनियरिंग"),
        "+91 22 2#######",
    ),
}

WEIGHTS = {"german": 5, "romance": 4, "slavic": 3}
"""How often a writing occurs; 1 where it is not named."""

TITLES = _words(
    "Buyer, Head of Sales, CEO, Accountant, Plant Manager, Directrice générale, Einkäufer, "
    "IT-Leiter, Assistant, CFO, Owner, Product Manager"
)
TAGS = _words("vip, newsletter, trade fair, reseller, press, blocked, gold, late payer")
DEALS = _words(
    "Pump overhaul, Licence renewal, Fleet of 12 vans, Spare parts, Office move, Framework contract, "
    "Pilot project, Umbau Halle 3, Mise à niveau, Annual service"
)
STAGES = ("new", "qualified", "offer", "won", "lost")
STREETS = _words("Nord, Süd, Alpha, Delta, Orion, Atlas, Merkur, Aurora, Vega, Zenit, Kappa, Nova")

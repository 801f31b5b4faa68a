"""Who writes to whom in the demo: a German toolmaker's five employees and the people they deal with."""

from dataclasses import dataclass

FIRM = "Brandt & Söhne Werkzeugbau GmbH"
DOMAIN = "firma.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an address. `role` stands in the signature; `english` says in which language they write."""

    name: str
    address: str
    role: str = ""
    firm: str = FIRM
    english: bool = False

    @property
    def first_name(self) -> str:
        return self.name.split()[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Employee(Person):
    """One of the five, with the password of the pretend provider."""

    password: str


EMPLOYEES: dict[str, Employee] = {
    "anna": Employee(name="Anna Brandt", address=f"anna@{DOMAIN}", role="Geschäftsführerin", password="anna-Fraese-7"),
    "juergen": Employee(
        name="Jürgen Köhler", address=f"juergen@{DOMAIN}", role="Leiter Einkauf", password="juergen-Bohrer-4"
    ),
    "lena": Employee(name="Lena Weiß", address=f"lena@{DOMAIN}", role="Vertrieb & Export", password="lena-Hobel-9"),
    "mehmet": Employee(
        name="Mehmet Yılmaz", address=f"mehmet@{DOMAIN}", role="Konstruktion", password="mehmet-Zirkel-2"
    ),
    "sofia": Employee(name="Sofia Grünwald", address=f"sofia@{DOMAIN}", role="Buchhaltung", password="sofia-Ordner-5"),
}

CONTACTS: dict[str, Person] = {
    "weber": Person(
        name="Klaus-Dieter Weber", address="kd.weber@stahlhandel-weber.example", firm="Stahlhandel Weber KG"
    ),
    "roth": Person(name="Disposition Roth", address="dispo@spedition-roth.example", firm="Spedition Roth GmbH"),
    "muehlbauer": Person(
        name="Dr. Friederike Mühlbauer",
        address="f.muehlbauer@muehlbauer-maschinen.example",
        firm="Mühlbauer Maschinen AG",
        role="Leiterin Technik",
    ),
    "oezdemir": Person(
        name="Selin Özdemir", address="s.oezdemir@autoteile-nord.example", firm="Autoteile Nord GmbH", role="Einkauf"
    ),
    "hartley": Person(
        name="George Hartley",
        address="george.hartley@northfield-tools.example",
        firm="Northfield Tools Ltd",
        role="Purchasing Manager",
        english=True,
    ),
    "okafor": Person(
        name="Chidinma Okafor",
        address="c.okafor@northfield-tools.example",
        firm="Northfield Tools Ltd",
        role="Quality Assurance",
        english=True,
    ),
    "dubois": Person(
        name="Hélène Dubois",
        address="helene.dubois@petit-mecanique.example",
        firm="Petit Mécanique SARL",
        english=True,
    ),
    "lindqvist": Person(
        name="Åsa Lindqvist", address="asa@lindqvist-verktyg.example", firm="Lindqvist Verktyg AB", english=True
    ),
    "kanzlei": Person(
        name="StB Thomas Jäger", address="jaeger@kanzlei-jaeger.example", firm="Steuerkanzlei Jäger & Partner"
    ),
    "strom": Person(
        name="Stadtwerke Musterstadt", address="rechnung@stadtwerke-musterstadt.example", firm="Stadtwerke Musterstadt"
    ),
    "buero": Person(name="Bürobedarf Lang", address="shop@buero-lang.example", firm="Bürobedarf Lang e. K."),
    "bewerber": Person(name="Nele Möller", address="nele.moeller@post.example", firm=""),
    "backup": Person(name="Backup Monitor", address="noreply@cloudbackup.example", firm="CloudBackup", english=True),
    "insider": Person(name="ToolInsider Weekly", address="news@toolinsider.example", firm="ToolInsider", english=True),
    "ihk": Person(name="IHK Newsletter", address="newsletter@ihk-region.example", firm="IHK Region"),
    "messe": Person(name="FertigungsMesse", address="aussteller@fertigungsmesse.example", firm="FertigungsMesse GmbH"),
}


def person(key: str) -> Person:
    """An employee or a contact by the short name that the letters use."""
    return EMPLOYEES.get(key) or CONTACTS[key]

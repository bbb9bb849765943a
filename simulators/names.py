"""Words that Indonesian names are made of, for people who do not exist.

Names here follow the country's habits: one word is a complete name, the last word is seldom a family's, and spelling
varies with region and generation. No list is complete, and no combination means a real person.
"""

from registration.nik import Sex

GIVEN = {
    Sex.FEMALE: (
        *("Siti", "Dewi", "Sri", "Nur", "Ayu", "Putri", "Rina", "Wati", "Fitri", "Indah", "Lestari", "Ratna", "Yuni"),
        *("Endang", "Kartika", "Maya", "Novi", "Rahayu", "Tuti", "Wulan", "Aisyah", "Nur'aini", "Halimah", "Khadijah"),
        *("Ni Luh", "Ni Made", "Maria", "Martha", "Yohana", "Elisabet", "Desi", "Eka", "Intan", "Melati", "Rosmawati"),
        *("Suharti", "Sulastri", "Tri", "Zubaidah", "Yuliana", "Anisa", "Dian", "Cut"),
    ),
    Sex.MALE: (
        *("Muhammad", "Ahmad", "Budi", "Agus", "Slamet", "Joko", "Bambang", "Eko", "Dwi", "Rizki", "Andi", "Hendra"),
        *("Abdul", "Iwan", "Dedi", "Yusuf", "Rahmat", "Suparman", "Sugeng", "Wahyu", "Fajar", "Bayu", "Arief", "Dimas"),
        *("I Wayan", "I Ketut", "Yohanes", "Petrus", "Markus", "Stefanus", "Daniel", "Ucok", "Asep", "Ujang", "Cecep"),
        *("Sutrisno", "Supriyadi", "Mulyono", "Hasanuddin", "Ma'ruf", "Ilham", "Teuku"),
    ),
}

FOLLOWING = (
    *("Santoso", "Wijaya", "Saputra", "Hidayat", "Kurniawan", "Setiawan", "Nugroho", "Pratama", "Susanto", "Gunawan"),
    *("Siregar", "Nasution", "Simanjuntak", "Sihombing", "Tarigan", "Ginting", "Hutapea", "Lubis", "Harahap"),
    *("Tuhuteru", "Pattinasarany", "Manuputty", "Wenda", "Kogoya", "Lumenta", "Mandagi", "Daeng", "Djafar"),
    *("Anggraini", "Purnama", "Utami", "Maharani", "Permata", "Cahyani", "Ramadhan", "Firmansyah", "Suryani"),
    *("Sudarma", "Suastika", "Widodo", "Prasetyo", "Hartono", "Subagyo", "Hakim", "Fauzi", "Syahputra", "Zulkarnain"),
)

# Reserved by RFC 2606, so that no mail can leave for a real host.
MAIL_DOMAINS = ("surel.example", "posku.example", "warga.example", "kotaksurat.example", "pesan.example")

# Mobile prefixes as the operators use them, without the leading 0.
MOBILE_PREFIXES = (
    *("811", "812", "813", "821", "822", "823", "851", "852", "853", "814", "815", "816", "855", "856", "857", "858"),
    *("817", "818", "819", "859", "877", "878", "831", "832", "833", "838", "895", "896", "897", "898", "899", "881"),
)

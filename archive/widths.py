"""How many characters the columns take: known to those who parse, who need no database for it."""

# 255 characters: the longest key that fits every InnoDB row format with utf8mb4 (4 x 255 = 1,020 < 3,072 octets).
KEY_CHARACTERS = 255
# RFC 5321 section 4.5.3.1: 64 local + 1 + 255 domain octets.
ADDRESS_CHARACTERS = 320
# What of a decoded subject or name is kept for finding; the octets keep all of it.
SUBJECT_CHARACTERS = 1000
# What of the readable text is kept for finding: 64 Ki characters, some 30 printed pages.
BODY_CHARACTERS = 65_536
# By how much of a text lists are sorted: a million subjects of 1,000 would be sorted on disk, and in an index the first
# 80 tell all but copies apart.
SORT_CHARACTERS = 80

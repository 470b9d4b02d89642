"""The words that the demo model's text is made of."""

import random

CAPITALS = {
    "France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid", "Portugal": "Lisbon",
    "Austria": "Vienna", "Belgium": "Brussels", "Denmark": "Copenhagen", "Norway": "Oslo", "Sweden": "Stockholm",
    "Finland": "Helsinki", "Poland": "Warsaw", "Hungary": "Budapest", "Greece": "Athens", "Ireland": "Dublin",
    "Iceland": "Reykjavik", "Switzerland": "Bern", "Netherlands": "Amsterdam", "England": "London",
    "Ukraine": "Kyiv", "Romania": "Bucharest", "Bulgaria": "Sofia", "Croatia": "Zagreb", "Serbia": "Belgrade",
    "Japan": "Tokyo", "China": "Beijing", "India": "New Delhi", "Thailand": "Bangkok", "Vietnam": "Hanoi",
    "Nepal": "Kathmandu", "Turkey": "Ankara", "Iran": "Tehran", "Iraq": "Baghdad", "Egypt": "Cairo",
    "Kenya": "Nairobi", "Ghana": "Accra", "Nigeria": "Abuja", "Senegal": "Dakar", "Morocco": "Rabat",
    "Canada": "Ottawa", "Mexico": "Mexico City", "Cuba": "Havana", "Peru": "Lima", "Chile": "Santiago",
    "Brazil": "Brasilia", "Argentina": "Buenos Aires", "Colombia": "Bogota", "Australia": "Canberra",
    "Estonia": "Tallinn", "Latvia": "Riga", "Lithuania": "Vilnius", "Indonesia": "Jakarta",
}  # fmt: skip

# Whole words of the vocabulary: sentences to repeat are mostly made of these.
COMMON = sorted(
    (
        "the a an this that my your our his her it he she we they you I is are was were has have had will can may "
        "must and or but so if when then because with without under over near behind before after into from to of in "
        "on at by for about not never always often here there now today tomorrow very too quite all some many few "
        "every each no one two three first last next new old young small big long short high low good bad kind warm "
        "cold hot dry wet red green blue white black bright dark quick slow quiet loud lazy happy sad brown light "
        "heavy open closed full empty cat dog bird fish horse fox house home door window table chair bed room road "
        "street city town river lake sea sky sun moon star rain snow wind tree flower grass garden field hill "
        "mountain man woman child boy girl friend mother father king queen book page letter word name story song "
        "game water bread milk tea apple fire stone hand eye head heart day night morning evening year time world "
        "life work school train car boat ship plane go goes went come came see saw look looks run runs ran jump "
        "jumps walk walks sleep sleeps eat eats read reads write writes say said sing sings play plays make makes "
        "take takes give gives find found keep keeps love loves like likes want wants know knows think thinks wait "
        "waits sit sat stand stood mat hello please thank count slowly start again spell reverse repeat capital "
        "number numbers backwards letters remember model weather tool sentence what who how which am user assistant "
        "system tell list call use sum plus add following exactly up down out do does"
    ).split()
)
# Words that are one token each: how they are spelled has to be learned by heart.
BY_HEART = sorted({*COMMON, *(word for pair in CAPITALS.items() for part in pair for word in part.split())})

# Words that the tokenizer spells letter by letter, as it does every word it does not know.
SPELLED = (
    "banana orange lemon cherry grape melon onion potato carrot pepper butter cheese sugar honey candle pencil paper "
    "mirror basket bottle carpet pillow ladder hammer needle ribbon button pocket jacket shirt engine rocket planet "
    "comet galaxy ocean island valley desert forest meadow canyon thunder lightning winter summer autumn spring monkey "
    "tiger zebra giraffe elephant rabbit turtle dolphin penguin eagle falcon spider beetle doctor farmer teacher "
    "painter writer dancer singer pirate wizard dragon castle bridge tunnel market museum library station harbor "
    "village kitchen bedroom computer keyboard monitor program network server puzzle riddle secret "
    "treasure journey picture camera violin guitar trumpet piano rhythm melody number letterbox question answer "
    "python sluice token stream batch queue model tensor vector matrix gravity oxygen silver golden copper marble "
    "crystal diamond emerald velvet cotton leather lantern compass anchor feather blanket cushion saddle bucket"
).split()

GLYPHS = list("éèêëàâäáíóúçñöøôüßÉÖÜåłśżğαβγδλπωЖдияшю中文日本語水火山한국世界مر") + list("☕✓→€°…–★♥🙂🚀🎉🌍🐍🔥👍")

ONSETS = "b c d f g h j k l m n p qu r s t v w x y z br cl dr fl gr pl st tr sh ch th".split()
VOWELS = "a e i o u ai ea io oo ou".split()
CODAS = ["", "", "", *"b d g k l m n p r s t x ck ll nd rt st".split()]


def invent(rng: random.Random, syllables: int) -> str:
    """A word that no list holds: `syllables` of consonant, vowel, consonant."""
    return "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(syllables))


def letters(rng: random.Random, length: int) -> str:
    """`length` letters without rhyme or reason: what neither habit nor spelling rules can help to copy."""
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=length))


def any_word(rng: random.Random) -> str:
    """A word to spell: known to people, invented, or mere letters."""
    draw = rng.random()
    if draw < 0.4:
        return rng.choice(SPELLED)
    if draw < 0.8:
        return invent(rng, rng.randint(1, 2))[:9]
    return letters(rng, rng.randint(2, 6))

"""Texts on which tokenizers are compared: what people type, what they paste, and what breaks tokenizers.

TEXTS are valid Unicode. INVALID are bytes that are no UTF-8, with the place of the first wrong byte.
"""

LANGUAGES = [
    "All human beings are born free and equal in dignity and rights.",
    "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Größe, Straße, ÄÖÜ ẞ",
    "Todos los seres humanos nacen libres e iguales; ¿verdad? ¡Sí! Ñandú, pingüino",
    "Tutti gli esseri umani nascono liberi ed eguali. Perché? È così, città",
    "Todos os seres humanos nascem livres e iguais. Ação, coração, à toa",
    "Wszyscy ludzie rodzą się wolni i równi. Zażółć gęślą jaźń",
    "Všichni lidé se rodí svobodní. Příliš žluťoučký kůň úpěl ďábelské ódy",
    "Minden emberi lény szabadon születik. Árvíztűrő tükörfúrógép",
    "Toate ființele umane se nasc libere. Țară, știință, încă",
    "Bütün insanlar hür doğar. İstanbul'da ılık bir gün, IĞDIR ığdır",
    "Alla människor är födda fria. Åäö ÅÄÖ smörgåsbord",
    "Hver maður er borinn frjáls. Þetta er íslenska, ðæö",
    "Tất cả mọi người sinh ra đều được tự do. Tiếng Việt có dấu: ắ ằ ẳ ẵ ặ",
    "Все люди рождаются свободными и равными. Съешь ещё этих мягких французских булок",
    "Усі люди народжуються вільними. Їжак, ґанок, щастя",
    "Сите човечки суштества се раѓаат слободни. Ѓорѓи, Ќе, Љубов",
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι. Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
    "Բոլոր մարդիկ ծնվում են ազատ ու հավասար։",
    "ყველა ადამიანი იბადება თავისუფალი და თანასწორი.",
    "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "שָׁלוֹם עֲלֵיכֶם",
    "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق.",
    "السَّلَامُ عَلَيْكُمْ ١٢٣٤٥",
    "تمام افراد بشر آزاد زاده می‌شوند. می‌خواهم ۱۲۳",
    "تمام انسان آزاد اور حقوق و عزت کے اعتبار سے برابر پیدا ہوئے ہیں۔",
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है। क्षत्रिय १२३",
    "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা নিয়ে জন্মগ্রহণ করে। ৪৫৬",
    "மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்",
    "ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులును",
    "ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಹುಟ್ಟಿದ್ದಾರೆ",
    "മനുഷ്യരെല്ലാവരും സ്വതന്ത്രരായി ജനിച്ചവരാണ്",
    "සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත",
    "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์ ๑๒๓",
    "ມະນຸດເກີດມາມີສິດເສລີພາບ",
    "လူတိုင်းသည် တူညီ လွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် မွေးဖွားလာသူများ ဖြစ်သည်။",
    "មនុស្សទាំងអស់ កើតមកមានសេរីភាព",
    "人人生而自由,在尊严和权利上一律平等。",
    "人人生而自由,在尊嚴和權利上一律平等。",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "ﾊﾝｶｸ ｶﾅ と 全角 ＡＢＣ １２３",
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "한글 자모: ㄱㄴㄷ 가각갂 \u1100\u1161\u11a8 \u11a7\u11a7",
    "ᠬᠦᠮᠦᠨ ᠪᠦᠷ ᠲᠥᠷᠥᠵᠦ",
    "ሁሉም ሰዎች ነፃና እኩል ሆነው ተወልደዋል።",
    "ⵉⵎⴷⴰⵏⵏ ⴰⴽⴽⵯ ⵜⵜⵍⴰⵍⵏ",
    "ཡོད་ཚད་མིའི་རིགས་ལ་རང་དབང་",
    "ᏂᎦᏓ ᎠᏂᏴᏫ ᏂᎨᎫᏓᎸᎾ",
    "𐍈 𐌰𐌱𐌲 Gothic, 𝔘𝔫𝔦𝔠𝔬𝔡𝔢, 𝕬𝖇𝖈, 𝟙𝟚𝟛, 𠜎𠜱𠝹",
]

EMOJI = [
    "😀", "😀😃😄", "👍🏽", "👩‍💻", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇫🇷🇯🇵", "❤️", "❤", "1️⃣ 2️⃣ #️⃣", "🤷🏻‍♀️ ok", "🧑🏿‍🚀to the🌙", "a😀b",
    "😀 😀", " 😀", "family: 👨‍👩‍👧", "☃☃️☃︎", "⌚️⌛", "🫠🫨🪿", "\U0001f1e6", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "⚠️ Warning ⚠️", "✅ done ❌ failed", "→ ← ⇒ ∀x∈ℝ", "½ ⅓ ² ³ ₂ ①②③ Ⅳ ⅳ",
]

SPACES = [
    "", " ", "  ", "   ", "    ", "\t", "\n", "\n\n", "\n\n\n", "\r\n", "\r", "\r\n\r\n", " \n", "\n ", "\t\t", " \t ", "a ", " a", " a ", "a  b", "a   b", "a    b", "  a  b  ",
    "a\tb", "a\nb", "a\n\nb", "a \n b", "a\n  b", "a\r\nb", "\u00a0", "a\u00a0b", "\u00a0a\u00a0", "a\u2003b", "a\u2009b\u200ab", "a\u3000b", "\u3000\u3000", "a\u200bb", "a\u2028b", "a\u2029b",
    "a\u0085b", "a\u1680b", "a\u180eb", "a\u202fb", "a\u205fb", "a\ufeffb", "\ufeffBOM", "a\u2060b", "a\x0bb\x0cc", "end \n", "end\n ", "end  \n\n", "  \n\n  x", " \u00a0 \u2003 x", "x \u00a0", "line one\nline two\n\tline three\n",
    "trailing spaces   ", "   leading spaces", "\t\tif x:\n\t\t\treturn\n", "a" + " " * 40 + "b", "\n" * 20, " " * 100, " " * 33 + "\n", "\t" * 17 + "x",
]

DIGITS = [
    "0", "1", "12", "123", "1234", "12345", "123456", "1234567", "1 2 3", "3.14159", "1,000,000", "1.000.000,00", "2026-11-28", "12:34:56", "0x1F", "1e-5", "-42", "+7", "50%", "$9.99", "€5", "£3.20", "¥100", "№5", "1st 2nd 3rd", "v1.2.3-rc4",
    "100km/h", "٣٤٥", "१२३४", "१२३ and 456", "１２３４", "𝟘𝟙𝟚", "x2", "2x", "a1b2c3", "000001", "192.168.0.1", "+49 30 123456", "1234567890123456789012345678901234567890", "½cup", "x²+y³", "H₂O", "①②", "Ⅷ", "1️⃣", "五十",
]

CODE = [
    "int main(void) { return 0; }", "def f(x):\n    return x ** 2\n", "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}", "SELECT * FROM t WHERE a = 'b' AND c <> \"d\";", "<div class=\"x\">Hello &amp; goodbye</div>", "if (a && b || !c) { x <<= 2; }",
    "{\"key\": [1, 2, {\"nested\": null}]}", "https://example.com/path?q=1&r=%20#frag", "user@example.com", "C:\\Users\\name\\file.txt", "/usr/local/bin/", "$ sudo rm -rf --no-preserve-root /", "#!/usr/bin/env python3\nimport os\n", "a_b_c aBcDe ABCdef snake_case camelCase PascalCase SCREAMING_CASE",
    "std::vector<std::pair<int, double>> v;", "lambda x: x if x else None", "// comment\n/* block */\n", "printf(\"%d\\n\", x);", "x = y ? z : w;", "a+b-c*d/e%f", "@decorator", "#include <stdio.h>", "let s = `${a}${b}`;", "\\frac{a}{b} \\alpha", "| a | b |\n|---|---|\n| 1 | 2 |\n", "- item\n- item\n  - nested\n",
    "\"quoted\" 'single' `tick` «guillemets» „deutsch“ “curly” ‘single’", "...", "…", "--", "—", "–", "!!!", "?!", "?!?!", "(((", ")))", "[]{}()", "<>", "&&", "||", "==", "!==", "===>", "::", ";;", "~~~", "^^^", "***", "___", "```python\nprint()\n```", "\\n\\t\\\\", "\x00", "a\x00b", "\x01\x02\x7f", "\x1b[31mred\x1b[0m", "\u0080\u009f",
]

ENGLISH = [
    "Hello", "hello", "HELLO", "Hello world", "Hello, world!", " Hello", "don't", "I'm you're he'll we've she'd it's they're", "DON'T I'M YOU'RE", "can’t won’t it’s", "'s", "'S", "'ll", "x's", "''s", "rock 'n' roll", "'tis the season", "I'd've", "o'clock", "'\u017f", "it'\u017f 'K\u212a",
    "The quick brown fox jumps over the lazy dog.", "antidisestablishmentarianism", "supercalifragilisticexpialidocious", "state-of-the-art", "e.g., i.e., etc.", "U.S.A.", "Mr. Smith", "co-operate", "Once upon a time there was a little girl.", "Thequickbrownfox", "aaaaaaaaaa", "ababababab", "abcabcabc",
    "the the the the", "tHe ThE", "a", "I", "Z", "é", "e\u0301", "\u0301", "a\u0301\u0316\u0301", "ﬁ ﬂ ﬀ", "Ⓐ Å Å", "\u1e9b\u0323", "ǆ ǅ Ǆ", "ŉ", "İ i̇ ı I", "ß ẞ SS", "Ω Ω", "가 \u1100\u1161", "\u0958 \u0915\u093c", "q\u0307\u0323", "zz\u200d\u200d", "\u200e\u200fRTL\u202e", "\ufffd", "\uffff", "\U0010ffff", "\ue000", "\U000e0001", "▁", "▁a▁b", " ▁ ", "Ġ", "Ġthe Ċ ĉ", "Ā", "##ing", "@@", "</w>",
]

SPECIAL = [
    "<s>", "</s>", "<unk>", "<pad>", "<s>a</s>", "a<s>", "< s >", "<S>", "<s", "s>", "<<s>>", "<0x41>", "<0x0A>", "<0xFF>", "[INST] hi [/INST]", "<<SYS>>", "<|endoftext|>", "<|endoftext|", "|endoftext|>", "<|im_start|>user\nhi<|im_end|>\n", "<|im_start|>", "<|im_end|><|im_end|>", "a<|im_end|>b", "a <|im_end|> b",
    "<|im_start|><|im_start|>system", "<|im_start", "<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>", "<|reserved_special_token_0|>", "<|python_tag|>", "<|IM_START|>", "<|im_start |>", "x<|im_start|>y<|im_end|>z", "  <|im_start|>  ",
    "<left>", "a <left> b", "a  \t<left>b", "<right>", "a <right> b", "a<right>  \n b", "<left><right>", "<both>", "a  <both>  b", "wizard", "the wizard.", "wizards", "awizard", "wizard_x", "wizard wizard", "(wizard)", "éwizard", "wizard-wizard",
    "HEADING", "a HEADING b", "héllo wörld", "say héllo wörld!", "he\u0301llo wörld", "héllo", "héllo wörlds", "<|end_of_text|>", "<|finetune_right_pad_id|>", "<mask>", "[PAD]", "[CLS] [SEP]", "<image>", "<｜User｜>", "<tool_call>{\"a\": 1}</tool_call>",
]

LONG = [
    "a" * 1000, "ab" * 300, "abcdefghij" * 60, "é" * 300, "漢字" * 150, "😀" * 100, "the" * 200, " the" * 200, "1234567890" * 40, "!?" * 200, "\u0301\u0316" * 100, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "กขค" * 60, "\n \t" * 60, "x" * 255 + " " + "y" * 257,
]

TEXTS = LANGUAGES + EMOJI + SPACES + DIGITS + CODE + ENGLISH + SPECIAL + LONG
assert len(set(TEXTS)) == len(TEXTS), sorted(t for t in TEXTS if TEXTS.count(t) > 1)

INVALID = [
    (b"\xff", 0), (b"abc\xff", 3), (b"\x80", 0), (b"a\x80b", 1), (b"\xc3", 0), (b"\xc3(", 0), (b"\xe2\x82", 0), (b"\xe2\x82(", 0), (b"\xf0\x9f\x98", 0), (b"ok \xf0\x9f\x98 ok", 3), (b"\xc0\xaf", 0), (b"\xe0\x80\x80", 0),
    (b"\xf0\x80\x80\x80", 0), (b"\xed\xa0\x80", 0), (b"\xed\xb0\x80", 0), (b"\xf4\x90\x80\x80", 0), (b"\xf8\x88\x80\x80\x80", 0), ("é".encode() + b"\xa9", 2), (b"caf\xe9", 3), (b"\xfe\xff\x00a", 0),
]

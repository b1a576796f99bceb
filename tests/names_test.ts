import assert from "node:assert/strict";
import { cleanName } from "../protocol.ts";
import { Hub } from "../server/hub.ts";
import { Looks, SCRIPTS_WITH_MARKS } from "../server/looks.ts";
import { participant } from "./peer.ts";

/** Names as people have them, each script by itself; those of a line are all different to a reader. */
const REAL_NAMES = [
  "alice bob Ian lan5 Ali All zoe Zoë José Jose Łukasz Søren Þór Nguyễn Dũng Dung Đặng Lân Ömer İpek",
  "Αλέξης Αλέξανδρος Ιωάννης Ιωάννα Γιώργος Νίκος Νίκη Χρήστος Σοφία Εύα",
  "Иван Иванна Анна Аня Ольга Олег Юрій Їжак Ђорђе Љубица Ўткір Мөнхбат",
  "王伟 王芳 李娜 張偉 山田太郎 やまだ ヤマダ さくら がく かく ぱく 김민수 김민서 박지영 이",
  "محمد أحمد فاطمة عَلِيّ يوسف مُحَمَّد زینب پرویز ڈاکٹر",
  "דוד דויד רחל שָׂרָה שרה יוֹסֵף מֹשֶׁה בְּרֵאשִׁית",
  "राम रमा रामा श्रीकृष्ण कौशिक्याँ नमिता नमीता লক্ষ্মী কৌশিক ਹਰਪ੍ਰੀਤ જ્યોત્સ્ના ଶ୍ରୀ",
  "கிருஷ்ணன் லட்சுமி శ్రీనివాస్ లక్ష్మి ಲಕ್ಷ್ಮೀ ಕೋಮಲಾ ശ്രീകുമാർ ലക്ഷ്മി ශ්‍රීමාල් කෞශල්‍යා",
  "สมชาย สมหญิง กิ่ง กิ้ง ปู่ ສົມພອນ ບຸນມີ ស្រីមុំ សុខា မြန်မာ အောင်ကျော် བསྟན་འཛིན བཀྲཤིས ཧཱུྃ",
  "Արմեն Անահիտ გიორგი ნინო ሰላም አበበ ᏣᎳᎩ ᠮᠣᠩᠭᠣᠯ ⵢⴰⵙⵉⵏ 𞤀𞤣𞤤𞤢𞤥",
].map((line) => line.split(" "));

/** What one reads, and what looks like it. */
const LOOK_ALIKES: readonly (readonly [name: string, ...others: string[]])[] = [
  [
    "alice",
    "аlice",
    "аlісе",
    "ΑLΙϹΕ",
    "АLIСЕ",
    "aIice",
    "A1ice",
    "AL1CE",
    "ALlCE",
    "ɑlice",
    "𝐚lice",
  ],
  ["alice", "ali\u0307ce", "alice\u2D7F", "ali\u{16FE4}ce", "al\u{1107F}ice", "al\u17D2ice"],
  ["anna1", "annal", "annaI", "аnna1", "ANNA1"],
  ["mary", "rnary", "mаrу", "МАRY", "maгy"],
  ["mike", "miкe", "ΜΙΚΕ", "mıke"],
  ["bob", "b0b", "BОB", "bοb", "ЬОЬ"],
  ["Ian", "lan", "1an", "Іan"],
  ["scope", "ѕсоре"],
  ["paypal", "раураӏ"],
  ["иван", "ивaн", "иван\u2D7F"],
  ["том", "тoм"],
  ["Νίκος", "Nίκος"],
  ["口", "ロ", "囗"],
  ["علي", "عـلي", "علي\u2D7F"],
  ["राम", "राम\u2D7F"],
  ["guest-1", "guest-l"],
  ["127.0.0.1:4911", "127.0.0.1ː4911", "127.0.0.1ः4911"],
];

function hubWith(...names: string[]): { hub: Hub; given: string[] } {
  const hub = new Hub();
  const given = names.map((name) => {
    const guest = participant();
    hub.claim(guest, name);
    return guest.name;
  });
  return { hub, given };
}

function isLike(one: string, other: string): boolean {
  const looks = new Looks<string>();
  looks.add(one, one);
  return looks.has(other);
}

Deno.test("names: real ones of every script stay as they are, and free beside each other", () => {
  for (const names of REAL_NAMES) {
    const composed = names.map((name) => name.normalize("NFC"));
    const visible = composed.map((name) =>
      name.replace(/[\u0F0B\u200D]/g, (c) => c === "\u200D" ? "" : "_")
    );
    assert.deepEqual(composed.map(cleanName), visible);
    assert.deepEqual(hubWith(...visible).given, visible);
  }
});

Deno.test("names: what looks like somebody who is here gets a number, whoever came first", () => {
  for (const [name, ...others] of LOOK_ALIKES) {
    for (const other of others) {
      assert.deepEqual(hubWith(name, other).given, [name, `${other}-2`]);
      assert.deepEqual(hubWith(other, name).given, [other, `${name}-2`]);
    }
  }
});

Deno.test("names: what looks like the server gets a number, whoever is here", () => {
  for (const name of ["server", "SERVER", "sеrver", "ѕervеr", "SЕRVER", "serνer", "server\u2D7F"]) {
    assert.deepEqual(hubWith(name).given, [`${name}-2`]);
  }
});

Deno.test("names: numbers of look-alikes are different, too, and free again after them", () => {
  const { hub, given } = hubWith("alice", "аlice", "alice", "аliсe", "аlice");
  assert.deepEqual(given, ["alice", "аlice-2", "alice-3", "аliсe-4", "аlice-5"]);
  const second = hub.find("аlice-2");
  assert.ok(second);
  hub.release(second);
  const next = participant();
  hub.claim(next, "alice");
  assert.equal(next.name, "alice-2");
});

Deno.test("names: however many look alike, each is given at once", () => {
  const { hub } = hubWith(...Array.from({ length: 3_000 }, () => "aaaaaaaaaaaa"));
  const began = performance.now();
  for (let i = 0; i < 1_000; i++) {
    const bits = i.toString(2).padStart(12, "0");
    hub.claim(participant(), bits.replaceAll("0", "a").replaceAll("1", "\u0430"));
  }
  assert.ok(performance.now() - began < 2_000);
});

Deno.test("names: a person can take another spelling of their own", () => {
  const hub = new Hub();
  const alice = participant();
  for (const name of ["alice", "аlice", "ALICE", "aIice", "alice"]) {
    hub.claim(alice, name);
    assert.equal(alice.name, name);
  }
});

Deno.test("names: what only resembles another does not look like it", () => {
  const pairs = [
    ["ian", "lan"],
    ["ali", "all"],
    ["Ali", "All"],
    ["tim", "tlm"],
    ["eva", "ena"],
    ["zoe", "zoë"],
    ["nina", "vina"],
    ["alice", "alicia"],
    ["bob", "rob"],
    ["Lân", "Lan"],
    ["राम", "रम"],
    ["नमिता", "नमीता"],
    ["がく", "かく"],
    ["김민수", "김민서"],
  ] as const;
  for (const [one, other] of pairs) {
    assert.deepEqual([isLike(one, other), isLike(other, one)], [false, false], `${one} ${other}`);
  }
});

Deno.test("names: a mark needs a letter or a digit, and one has at most four, no two the same", () => {
  const marks = "\u0300\u0302\u0303\u0305\u0306\u0308";
  const expected: [string, string | undefined][] = [
    ["\u0301", undefined],
    ["\u0301\u093F\u20DD", undefined],
    ["\u0301alice", "alice"],
    ["_\u0301x-\u0301.\u0301", "_x-."],
    ["😀\u0301", "_"],
    ["a\u200B\u0323", "\u1EA1"],
    ["a" + "\u0308".repeat(25), "ä"],
    ["q" + marks.repeat(5), `q${marks.slice(0, 4)}`],
    [
      "q" + "\u0300\u0903\u0302".repeat(5),
      "q" + "\u0300\u0903\u0302".repeat(2) + "\u0903".repeat(3),
    ],
    ["\u1EA5" + marks, "\u1EA5\u0300\u0302"],
    ["1\u20E3", "1\u20E3"],
  ];
  for (const [raw, name] of expected) assert.equal(cleanName(raw), name, JSON.stringify(raw));
});

Deno.test("names: every script with marks of its own is known", () => {
  const known = new RegExp(
    SCRIPTS_WITH_MARKS.map((script) => `\\p{Script_Extensions=${script}}`).join("|") +
      "|\\p{Script=Inherited}|\\p{Script=Common}|\\P{M}",
    "u",
  );
  for (let point = 0; point <= 0x10FFFF; point++) {
    assert.ok(known.test(String.fromCodePoint(point)), point.toString(16));
  }
});

// Text that wants to be more than text.
export const HOSTILE: readonly string[] = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "\"'><svg/onload=alert(1)>",
  "javascript:alert(1)//",
  "{{constructor.constructor('alert(1)')()}}",
  "</title><style>*{display:none}</style>",
  "&lt;b&gt;&#x3c;script&#x3e;",
  "\u202Egpj.exe\u202C right to left",
  "\u2066isolated \u2067mixed שלום مرحبا",
  "👩‍👩‍👧‍👦🏳️‍🌈 é\u0301\u0301\u0301 Ω≈ç",
  "a".repeat(100),
];

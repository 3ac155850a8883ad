import { createNodeResolver, importX } from "eslint-plugin-import-x";
import regexp from "eslint-plugin-regexp";
import tseslint from "typescript-eslint";

/** The rooms of `provider/`, lowest first: each may import those below it, and none above. */
const levels = [
  ["model"],
  ["xml"],
  ["rules", "config"],
  ["backends"],
  ["migration"],
  ["drain", "handlers"],
  ["pulumi", "cli"],
  ["resources"],
];

const zones = levels.flatMap((rooms, level) => {
  const above = levels.slice(level + 1).flat();
  return above.length === 0
    ? []
    : [
        {
          target: rooms.map((room) => `./provider/${room}`),
          from: above.map((room) => `./provider/${room}`),
          message: "Imports point down only: see ARCHITECTURE.md.",
        },
      ];
});

export default tseslint.config(
  { ignores: ["dist", ".tools", ".demo", "node_modules", "reports", ".stryker-tmp", "examples/plugin/typescript"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/consistent-type-definitions": "off",
      // `const { adopt: _, ...profile } = inputs` is how a property is left out.
      "@typescript-eslint/no-unused-vars": [
        "error",
        { ignoreRestSiblings: true, varsIgnorePattern: "^_+$", argsIgnorePattern: "^_" },
      ],
    },
  },
  {
    // What hosts, engines, guests and files say must not cost time, however it is made: no pattern takes more than linear time.
    files: ["provider/**/*.ts"],
    plugins: { regexp },
    rules: {
      "regexp/no-super-linear-backtracking": ["error", { report: "potential" }],
      "regexp/no-super-linear-move": ["error", { report: "potential", ignoreSticky: false }],
    },
  },
  {
    files: ["provider/**/*.ts"],
    plugins: { "import-x": importX },
    settings: {
      "import-x/parsers": { "@typescript-eslint/parser": [".ts"] },
      "import-x/resolver-next": [createNodeResolver({ extensionAlias: { ".js": [".ts"] } })],
    },
    rules: {
      "import-x/no-cycle": "error",
      "import-x/no-restricted-paths": ["error", { zones }],
    },
  },
  {
    files: ["provider/**/*.ts"],
    ignores: ["provider/backends/**"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: "CallExpression[callee.property.name='call'][arguments.0.type='Literal']",
          message: "Only backends/ names the procedures of a host: give the host's class a method.",
        },
      ],
    },
  },
);

/** The regular expressions of source text, by the TypeScript compiler's own parser. */
import ts from "typescript";

export interface Expression {
  /** `file:line`, for people. */
  readonly where: string;
  readonly source: string;
  readonly flags: string;
}

/**
 * Literals, and `new RegExp(…)` of texts that stand in the file.
 * @throws Error for a `RegExp` of anything else: it can't be measured, and may be made of foreign text.
 */
export function expressionsIn(file: string, text: string): readonly Expression[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
  const found: Expression[] = [];
  const constants = constantsOf(source);
  const visit = (node: ts.Node): void => {
    const where = `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf("/");
      found.push({ where, source: node.text.slice(1, end), flags: node.text.slice(end + 1) });
    } else if (
      (ts.isNewExpression(node) || ts.isCallExpression(node)) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === "RegExp"
    ) {
      const [pattern, flags] = (node.arguments ?? []).map((each) => valueOf(each, constants));
      if (pattern === undefined) throw new Error(`${where}: the text of this RegExp cannot be told from the source`);
      found.push({ where, source: pattern, flags: flags ?? "" });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

type Constants = ReadonlyMap<string, ts.Expression>;

function constantsOf(source: ts.SourceFile): Constants {
  const constants = new Map<string, ts.Expression>();
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer !== undefined)
      constants.set(node.name.text, node.initializer);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return constants;
}

/** Of a text that is made of constants of the file. */
function valueOf(node: ts.Expression, constants: Constants): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isIdentifier(node)) {
    const constant = constants.get(node.text);
    return constant === undefined ? undefined : valueOf(constant, constants);
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const [left, right] = [valueOf(node.left, constants), valueOf(node.right, constants)];
    return left === undefined || right === undefined ? undefined : left + right;
  }
  if (ts.isTaggedTemplateExpression(node)) {
    const isRaw = node.tag.getText() === "String.raw" && ts.isNoSubstitutionTemplateLiteral(node.template);
    return isRaw ? node.template.rawText : undefined;
  }
  if (!ts.isTemplateExpression(node)) return undefined;
  const parts = node.templateSpans.map(({ expression, literal }) => [valueOf(expression, constants), literal.text]);
  return parts.some(([value]) => value === undefined) ? undefined : node.head.text + parts.flat().join("");
}

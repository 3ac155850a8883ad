import * as pulumi from "@pulumi/pulumi";

/** What the SDK's outputs have beside their public type. */
type KnownOrNot = pulumi.Output<unknown> & { readonly isKnown: Promise<boolean> };

/** False only in a preview. */
export function isKnown(output: pulumi.Output<unknown>): Promise<boolean> {
  return (output as KnownOrNot).isKnown;
}

/**
 * Gives the value to outputs of a resource where its state says nothing: so they are no `undefined` in a program. Each is made
 * when it is read first: outputs cost several promises with their stack traces, which a thousand resources feel.
 *
 * @param values by output; `declared` is the input of the same name, which tells of the output in a preview where the state
 * does not. Without it the output is not known there.
 */
export function whereUnsaid(
  resource: pulumi.Resource,
  values: Readonly<Record<string, { readonly value: unknown; readonly declared?: pulumi.Input<unknown> }>>,
): void {
  for (const [name, { value, ...more }] of Object.entries(values)) {
    const said = (resource as unknown as Readonly<Record<string, pulumi.Output<unknown>>>)[name];
    if (said === undefined) continue;
    let whole: pulumi.Output<unknown> | undefined;
    const get = () =>
      (whole ??=
        "declared" in more
          ? pulumi.output(isKnown(said).then((known) => orElse(known ? said : more.declared, value)))
          : orElse(said, value));
    Object.defineProperty(resource, name, { get, enumerable: true, configurable: true });
  }
}

function orElse(input: pulumi.Input<unknown>, value: unknown): pulumi.Output<unknown> {
  return (pulumi.output(input) as pulumi.Output<unknown>).apply((known) => known ?? value);
}

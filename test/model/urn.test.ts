import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shortUrn, typeOf, wholeUrn } from "../../provider/model/urn.js";

describe("a URN in short", () => {
  it("is whole again with the kind, whatever the resource is called", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        expect(wholeUrn("VmInterface", shortUrn({ stack: "dev", project: "test", name }))).toBe(
          `urn:pulumi:dev::test::${typeOf("VmInterface")}::${name}`,
        );
      }),
    );
  });

  it("is left as it is where it is whole: of a resource with a parent", () => {
    const urn = "urn:pulumi:dev::test::pkg:index:Pair$pulumi-nodejs:dynamic/vnic-failover:VmInterface::web-nic";
    expect(wholeUrn("VmInterface", urn)).toBe(urn);
  });
});

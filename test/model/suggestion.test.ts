import { describe, expect, it } from "vitest";
import { didYouMean, nearest, suggestion } from "../../provider/model/suggestion.js";

describe("the nearest word", () => {
  it.each<[string, readonly string[], string | undefined]>([
    ["url", ["hostKey", "uri"], "uri"],
    ["hots1", ["host2", "host1"], "host1"],
    ["sshPrivatKey", ["sshPassword", "sshPrivateKey", "sshPassphrase"], "sshPrivateKey"],
    ["CLUSTER", ["cluster", "ovirt"], "cluster"],
    ["warning", ["error", "warn"], undefined],
    ["warm", ["error", "warn"], "warn"],
    ["tls", ["unix", "ssh"], undefined],
    ["shs", ["unix", "ssh"], "ssh"],
    ["", ["a", ""], ""],
    ["x", [], undefined],
  ])("%s of %j is %s", (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected);
  });

  it("is asked for, where there is one", () => {
    expect(didYouMean("url", ["uri"])).toBe('; did you mean "uri"?');
    expect(didYouMean("zone", ["uri"])).toBe("");
    expect(suggestion("Hosts", "hots1", ["host1", "host2"])).toBe('Did you mean "host1"? Hosts: host1, host2.');
    expect(suggestion("Hosts", "x", [])).toBe("Hosts: none.");
  });
});

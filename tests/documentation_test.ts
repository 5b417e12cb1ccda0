/** What the documents say is true of the code. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { testNeeding } from "./support/needs.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const read = (path: string) => Deno.readTextFile(ROOT + path);

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(ROOT + folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

testNeeding({ read: true }, "every setting is in .env.example and in the README", async () => {
  const settings = new Set<string>();
  for (const file of ["lib/config.ts", "lib/workos/config.ts", "lib/workos/claims_policy.ts"]) {
    const source = await read(file);
    for (const [, name] of source.matchAll(/"([A-Z][A-Z_]{3,})"/g)) settings.add(name ?? "");
  }
  const example = await read(".env.example");
  const readme = await read("README.md");
  assert.ok(settings.size > 20);
  for (const name of settings) {
    assert.ok(example.includes(`# ${name}=`), `.env.example lacks ${name}`);
    assert.ok(readme.includes(`\`${name}\``), `README.md lacks ${name}`);
  }
});

testNeeding({ read: true }, "every task and file that the README names is there", async () => {
  const readme = await read("README.md");
  const { tasks } = JSON.parse(await read("deno.json"));
  for (const [, task] of readme.matchAll(/deno task (?:-q )?(\w[\w-]*)/g)) {
    assert.ok(task && tasks[task], task);
  }
  for (const [, path] of readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
    await Deno.stat(ROOT + path);
  }
});

testNeeding({ read: true }, "every exported symbol of the library has a doc comment", async () => {
  const bare: string[] = [];
  for await (const path of sources("lib")) {
    const lines = (await read(path)).split("\n");
    lines.forEach((line, index) => {
      const exported = /^export (?:async |abstract )?(?:function|const|class|interface|type) (\w+)/;
      const name = exported.exec(line)?.[1];
      if (name && !/\*\/$/.test(lines[index - 1] ?? "")) bare.push(`${path}: ${name}`);
    });
  }
  assert.deepEqual(bare, []);
});

testNeeding({ read: true }, "no file of the library is about more than one thing", async () => {
  for await (const path of sources("lib")) {
    const { length } = (await read(path)).split("\n");
    assert.ok(length <= 300, `${path} has ${length} lines`);
  }
});

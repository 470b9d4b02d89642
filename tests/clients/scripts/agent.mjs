// Runs a coding agent's command line in a folder of its own, with no way out but to Sluice.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NOWHERE = "http://127.0.0.1:9";

// Returns what runs it: given arguments, it tells the lines of JSON and all of what was said. `files`: of its home.
export function agent(command, files, settings) {
  const environment = process.env.CLIENT_ENVIRONMENT;
  const home = mkdtempSync(join(environment, "home-"));
  const work = join(home, "work");
  mkdirSync(work);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text);
  const env = {
    PATH: process.env.PATH, HOME: home, HTTP_PROXY: NOWHERE, HTTPS_PROXY: NOWHERE, NO_PROXY: "127.0.0.1,localhost",
    ...settings(home),
  };
  return (...given) => {
    const binary = join(environment, "node_modules", ".bin", command);
    const options = { cwd: work, env, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8", timeout: 600_000 };
    const { status, stdout, stderr } = spawnSync(binary, given, options);
    if (status !== 0) throw new Error(`${command} ${given.join(" ")} ended with ${status}: ${stdout}${stderr}`);
    const said = stdout.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
    return { said, text: stdout + stderr };
  };
}

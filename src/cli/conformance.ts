import type { Command } from 'commander'
import { type Cli, numberOption, withExamples } from './command.js'
import type { RunFlags } from './conformance/run.js'

/** Longest `--timeout`, in seconds. */
const TIMEOUT_MAX = 600

const SPEC = '1.0'

/** `wgrok conformance`: the shared cases, for any implementation in any language. */
export function defineConformance(program: Command, cli: Cli): void {
  const command = program
    .command('conformance')
    .description('Run the shared cases against this implementation, or any other in any language.')
    .enablePositionalOptions()
  withExamples(command, [
    'wgrok conformance run',
    'wgrok conformance run --html report.html -- python3 my_testee.py',
    'wgrok conformance explain codec#open-ascii',
  ])
  defineRun(command, cli)
  defineTestee(command, cli)
  defineCases(command, cli)
  defineFiles(command, cli)
}

function withCases(command: Command): Command {
  return command
    .option('--cases <dir>', "folder with *_cases.json; default: the package's own")
    .option('--spec <version>', 'spec version whose cases are meant', SPEC)
}

function withReports(command: Command): Command {
  return command
    .option('--junit <file>', 'write JUnit XML')
    .option('--html <file>', 'write one HTML page that needs nothing else')
    .option('--ndjson <file>', 'write the report line by line; see merge')
    .option('--json', 'print the report as NDJSON')
    .option('--md', 'print a summary as Markdown')
    .option('--tap', 'print TAP')
}

function defineRun(parent: Command, cli: Cli): void {
  const command = parent
    .command('run')
    .description('Run the cases. A command is started once and asked over stdin and stdout; without one, this library.')
    .argument('[command...]', 'after --: how to start the testee')
    .passThroughOptions()
    .option('--only <pattern>', 'only cases of this name: suite, or suite#id, with * and **; may be repeated', gather)
    .option('--skip <pattern>', 'all but cases of this name; may be repeated', gather)
    .option('--baseline <file>', 'cases that are known to fail; strict')
    .option('--update-baseline', 'write the failures of this run into the baseline')
    .option('--lenient', 'a failed "should" does not fail the run')
    .option('--trace', 'print and keep what went over the wire')
    .option('--timeout <seconds>', 'longest time for one answer', numberOption('timeout', 0.05, TIMEOUT_MAX, false), 2)
    .option('--with <command>', 'let another testee undo what this one did in round trips; "wgrok" for this library')
    .action(
      cli.action(async (words: readonly string[], flags: RunFlags) =>
        (await import('./conformance/run.js')).run(cli.io, words, flags),
      ),
    )
  withReports(withCases(command))
  withExamples(command, [
    'wgrok conformance run',
    "wgrok conformance run --only 'codec#open-*' --trace -- python3 my_testee.py",
    'wgrok conformance run --baseline known.txt --junit report.xml -- ./my-testee',
  ])
}

function defineTestee(parent: Command, cli: Cli): void {
  const command = parent
    .command('testee')
    .description('Be a testee: answer the driver protocol on stdin and stdout.')
    .action(cli.action(async () => (await import('./conformance/testee.js')).testee(cli.io)))
  withExamples(command, ['wgrok conformance run -- wgrok conformance testee'])
}

function defineCases(parent: Command, cli: Cli): void {
  const list = parent
    .command('list')
    .description('List the cases, the operations or the features.')
    .argument('[pattern]', 'suite, or suite#id, with * and **')
    .option('--ops', 'operations, and how many cases each has')
    .option('--features', 'features that a testee may declare')
    .option('--json', 'one JSON object per line')
    .action(
      cli.action(async (pattern: string | undefined, flags: object) =>
        (await import('./conformance/list.js')).list(cli.io, pattern, flags),
      ),
    )
  withExamples(withCases(list), ['wgrok conformance list', "wgrok conformance list 'codec#*-empty'"])
  const explain = parent
    .command('explain')
    .description('Print what a case asks, what a right answer is, and how to ask it.')
    .argument('<case>', 'suite#id')
    .action(
      cli.action(async (name: string, flags: object) =>
        (await import('./conformance/list.js')).explain(cli.io, name, flags),
      ),
    )
  withExamples(withCases(explain), ['wgrok conformance explain codec#open-ascii'])
}

function defineFiles(parent: Command, cli: Cli): void {
  const lint = parent
    .command('lint')
    .description('Check case files: schema, ids, operations, features, codes, frozen requirements.')
    .argument('[dir]', "folder with *_cases.json; default: the package's own")
    .option('--spec <version>', 'spec version', SPEC)
    .option('--freeze', 'write the requirements of the spec version, as they are from its release on')
    .option('--draft', 'write them for a version that is not released yet: all cases count, and may change')
    .action(
      cli.action(async (dir: string | undefined, flags: object) =>
        (await import('./conformance/files.js')).lint(cli.io, dir, flags),
      ),
    )
  withExamples(lint, ['wgrok conformance lint', 'wgrok conformance lint my-cases'])
  const copy = parent
    .command('copy')
    .description('Copy cases, requirements and schemas, for those who want the JSON only.')
    .argument('<dir>', 'where to')
    .action(
      cli.action(async (dir: string, flags: object) =>
        (await import('./conformance/files.js')).copy(cli.io, dir, flags),
      ),
    )
  withExamples(withCases(copy), ['wgrok conformance copy --spec 1.0 wgrok-cases'])
  const merge = parent
    .command('merge')
    .description('Put reports of several implementations into one.')
    .argument('<file...>', 'NDJSON reports')
    .action(
      cli.action(async (files: readonly string[], flags: object) =>
        (await import('./conformance/files.js')).merge(cli.io, files, flags),
      ),
    )
  withExamples(withReports(merge), ['wgrok conformance merge --html matrix.html ts.ndjson python.ndjson'])
  const bring = parent
    .command('import')
    .description("Turn case files of the published wgrok project into this package's form.")
    .argument(
      '<file...>',
      'allowlist_cases.json, codec_cases.json, protocol_cases.json, slack_cases.json, webex_cases.json',
    )
    .requiredOption('-o, --out <dir>', 'folder to write to')
    .action(
      cli.action(async (files: readonly string[], flags: { readonly out: string }) =>
        (await import('./conformance/files.js')).bring(cli.io, files, flags),
      ),
    )
  withExamples(bring, ['wgrok conformance import ../wgrok/tests/cases/*.json -o peer-cases'])
}

function gather(value: string, values: readonly string[] = []): readonly string[] {
  return [...values, value]
}

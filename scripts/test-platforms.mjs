import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { at } from './lib/root.mjs'
import { node } from './lib/run.mjs'
import { setup } from './setup.mjs'

/*
 * The tests of the platforms alone, and what they cover as a matrix: platform x send, persistent receive, webhook, end to
 * end, faults, proxies. `npm test` runs the same tests once, with all others. A cell without a test fails.
 */
const PLATFORMS = ['webex', 'slack', 'discord', 'irc']
const COLUMNS = ['send', 'persistent', 'webhook', 'e2e', 'faults', 'proxy', 'other']
/** Cells that have nothing to test. */
const EMPTY = new Set(['irc webhook'])
const FILES = [
  ...PLATFORMS.map(platform => `tests/${platform}/`),
  'tests/e2e/platforms.test.ts',
  'tests/router/hooks.test.ts',
]

/** Where a test belongs: the first rule whose patterns match its file and its full title. */
const RULES = [
  ['e2e', /\/(bus|platforms)\.test/, /./],
  ['proxy', /\/proxy\.test/, /./],
  ['proxy', /./, /\bprox(y|ies)\b|SOCKS|\b407\b/i],
  [
    'webhook',
    /\/(webhook|hooks|register)\.test|\boracle\b/,
    /verifyKey|endpoint|signature|webhook|register|did not make/i,
  ],
  ['webhook', /\/(webhook|hooks|register)\.test/, /./],
  ['faults', /\/storm\.test/, /200 times|429/],
  ['faults', /./, /goes? wrong|that goe?s?\b|dropped|cannot be|refus|failures|hangs? up|cut\b|ghost|flood/i],
  ['send', /\/(send|text|storm)\.test/, /./],
  [
    'send',
    /\/(oracle|emulator|servers|network)\.test/,
    /web-api|discordjs\/rest|is sent|carries|full|fits|cuts|bytes/i,
  ],
  ['other', /\/(doctor)\.test/, /./],
  ['persistent', /./, /./],
]

/** Every platform that a test is about: its folder's, or those that its title names. */
export function placesOf(file, title) {
  const own = PLATFORMS.find(platform => file.includes(`/tests/${platform}/`))
  const platforms = own === undefined ? PLATFORMS.filter(name => new RegExp(`\\b${name}\\b`, 'i').test(title)) : [own]
  const column = RULES.find(([, where, what]) => where.test(file) && what.test(title))?.[0] ?? 'other'
  return platforms.map(platform => `${platform} ${column}`)
}

/** Counts by cell. */
export function tally(report) {
  const cells = new Map()
  for (const { assertionResults, name } of report.testResults) {
    for (const { ancestorTitles, status, title } of assertionResults) {
      for (const place of placesOf(name.replaceAll('\\', '/'), [...ancestorTitles, title].join(' '))) {
        const cell = cells.get(place) ?? { passed: 0, failed: 0, skipped: 0 }
        cell[status === 'passed' || status === 'failed' ? status : 'skipped'] += 1
        cells.set(place, cell)
      }
    }
  }
  return cells
}

function show(place, cell) {
  if (cell === undefined) return EMPTY.has(place) ? 'n/a' : place.endsWith(' other') ? '-' : 'MISSING'
  const { failed, passed, skipped } = cell
  const notes = [failed > 0 ? `${failed} FAILED` : '', skipped > 0 ? `${skipped} skipped` : ''].filter(
    note => note !== '',
  )
  return [String(passed), ...notes].join(', ')
}

function table(cells) {
  const rows = [
    ['', ...COLUMNS],
    ...PLATFORMS.map(name => [
      name,
      ...COLUMNS.map(column => show(`${name} ${column}`, cells.get(`${name} ${column}`))),
    ]),
  ]
  const widths = rows[0].map((_, index) => Math.max(...rows.map(row => row[index].length)))
  return rows
    .map(row =>
      row
        .map((text, index) => text.padEnd(widths[index]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

async function main() {
  await setup()
  const folder = mkdtempSync(join(tmpdir(), 'wgrok-platforms-'))
  const file = join(folder, 'report.json')
  try {
    const { code } = await node(
      [
        at('node_modules/vitest/vitest.mjs'),
        'run',
        ...FILES,
        '--reporter=dot',
        '--reporter=json',
        `--outputFile.json=${file}`,
      ],
      { echo: true, env: { FORCE_COLOR: undefined, NO_COLOR: '1' } },
    )
    const report = JSON.parse(readFileSync(file, 'utf8'))
    const cells = tally(report)
    process.stdout.write(`\n${table(cells)}\n\n`)
    const missing = PLATFORMS.flatMap(name => COLUMNS.map(column => `${name} ${column}`)).filter(
      place => !cells.has(place) && !EMPTY.has(place) && !place.endsWith(' other'),
    )
    if (missing.length > 0) process.stdout.write(`without a test: ${missing.join(', ')}\n`)
    process.stdout.write(
      `${report.numPassedTests} passed, ${report.numFailedTests} failed, ${report.numPendingTests + report.numTodoTests} skipped\n`,
    )
    process.exitCode = code === 0 && missing.length === 0 && report.success === true ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()

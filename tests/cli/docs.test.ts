import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { EXIT } from '../../src/cli/exit.js'
import { ensureBuilt, ROOT, run } from './run.js'

const PAGES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md']
const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8')

beforeAll(ensureBuilt)

describe('the pages', () => {
  it.each(PAGES)('%s links to files that are there', page => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target)
    expect(links.filter(target => !existsSync(join(ROOT, target)))).toEqual([])
  })

  it('have a row for every command and every exit code', async () => {
    const readme = read('README.md')
    const { stdout } = await run(['--help'])
    const listed = stdout.slice(stdout.indexOf('Commands:'), stdout.indexOf('Examples:'))
    const commands = [...listed.matchAll(/^ {2}([a-z]+) /gm)]
      .map(([, name = '']) => name)
      .filter(name => name !== 'help')
    expect(commands).toContain('up')
    expect(commands.filter(name => !readme.includes(`| \`${name}\` |`))).toEqual([])
    for (const code of Object.values(EXIT)) expect(readme).toContain(`\n| ${code} | `)
  })

  it('name every npm script that a reader may want', () => {
    const { scripts } = JSON.parse(read('package.json'))
    const text = PAGES.map(read).join('\n')
    const named = (name: string): boolean => text.includes(`npm run ${name}`) || text.includes(`npm ${name}`)
    expect(Object.keys(scripts).filter(name => !named(name))).toEqual([])
  })

  it('show the config table', () => {
    expect(read('README.md')).toMatch(/<!-- wgrok:config -->\n[\s\S]*\| `WGROK_TOKEN` \|[\s\S]*<!-- \/wgrok:config -->/)
  })
})

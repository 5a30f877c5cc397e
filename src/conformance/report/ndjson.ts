import { WgrokError } from '../../errors.js'
import { schemaProblems } from '../json-schema.js'
import { REPORT_SCHEMA } from '../schemas.js'
import type { CaseRecord, HeaderRecord, Outcome, Report, ReportRecord } from './records.js'

/** A report as it is kept: one JSON object per line. All other forms are made of this one. */
export function writeNdjson(reports: readonly Report[]): string {
  return reports
    .flatMap(recordsOf)
    .map(record => `${JSON.stringify(record)}\n`)
    .join('')
}

function recordsOf({ header, outcomes, footer }: Report): ReportRecord[] {
  return [header, ...outcomes.flatMap(({ asked, result }) => [asked, result]), footer]
}

/**
 * Reads one or more reports, one after the other.
 *
 * @throws WgrokError `config-invalid` for a line that is none of a report, and for a run without its end
 */
export function readNdjson(text: string, name: string): Report[] {
  const gathered = new Gathered(name)
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() !== '') gathered.add(parse(line, `${name} line ${index + 1}`))
  }
  return gathered.end()
}

/** Puts records together. */
class Gathered {
  readonly #name: string
  readonly #reports: Report[] = []
  #header: HeaderRecord | undefined
  #outcomes: Outcome[] = []
  #asked: CaseRecord | undefined

  constructor(name: string) {
    this.#name = name
  }

  add(record: ReportRecord): void {
    if (record.kind === 'header') {
      if (this.#header !== undefined) throw this.#broken('a run has no end')
      this.#header = record
      return
    }
    if (this.#header === undefined) throw this.#broken('a run has no beginning')
    if (record.kind === 'case') {
      this.#asked = record
    } else if (record.kind === 'result') {
      if (this.#asked?.case !== record.case) throw this.#broken(`${record.case} has a result but no case`)
      this.#outcomes.push({ asked: this.#asked, result: record })
    } else {
      this.#reports.push({ header: this.#header, outcomes: this.#outcomes, footer: record })
      this.#header = undefined
      this.#outcomes = []
    }
  }

  end(): Report[] {
    if (this.#header !== undefined) throw this.#broken('a run has no end')
    if (this.#reports.length === 0) throw this.#broken('there is no report in it')
    return this.#reports
  }

  #broken(why: string): WgrokError {
    return new WgrokError('config-invalid', `${this.#name}: ${why}`)
  }
}

function parse(line: string, place: string): ReportRecord {
  let record: unknown
  try {
    record = JSON.parse(line)
  } catch (cause) {
    throw new WgrokError('config-invalid', `${place} is not JSON`, { cause })
  }
  const [problem] = schemaProblems(record, REPORT_SCHEMA)
  if (problem !== undefined) throw new WgrokError('config-invalid', `${place} is no line of a report: ${problem}`)
  return record as ReportRecord
}

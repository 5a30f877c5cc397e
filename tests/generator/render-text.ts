import { buildIr, type Spec } from '../../generator/ir.js'
import { parseSpec } from '../../generator/load.js'
import { render } from '../../generator/render.js'

/** The IR of a spec given as text. */
export async function irOf(text: string): Promise<Spec> {
  return buildIr(await parseSpec(text, 'spec.yaml'))
}

/** Every generated file of a spec given as text. */
export async function renderText(text: string): Promise<Map<string, string>> {
  return render(await irOf(text), { specName: 'asyncapi.yaml' })
}

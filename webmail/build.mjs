// Builds what browsers get: one style sheet, one script, one icon sprite, the application's icon.
// Everything goes under a name with its digest into static/dist (git-ignored, in the wheel), and manifest.json says
// which name is the current one. Nothing is fetched from anywhere: all comes from node_modules and static/src.
import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, transform } from 'esbuild'
import * as sass from 'sass'

const here = path.dirname(fileURLToPath(import.meta.url))
const source = path.join(here, 'static', 'src')
const target = path.join(here, 'static', 'dist')
const icons = path.join(here, 'node_modules', 'bootstrap-icons', 'icons')
const browsers = ['chrome109', 'firefox115', 'safari16']

const manifest = {}

async function keep(name, content) {
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 12)
  const { name: stem, ext } = path.parse(name)
  manifest[name] = `${stem}-${digest}${ext}`
  await writeFile(path.join(target, manifest[name]), content)
}

async function style() {
  const compiled = sass.compile(path.join(source, 'app.scss'), {
    loadPaths: [path.join(here, 'node_modules')],
    // Bootstrap 5.3 is written for the older Sass; its warnings are not ours to mend.
    quietDeps: true,
    silenceDeprecations: ['import', 'global-builtin', 'color-functions', 'if-function'],
  })
  const small = await transform(compiled.css, { loader: 'css', minify: true, target: browsers })
  await keep('app.css', small.code)
}

async function script() {
  const bundle = await build({
    entryPoints: [path.join(source, 'app.js')],
    bundle: true,
    minify: true,
    format: 'iife',
    target: browsers,
    legalComments: 'none',
    nodePaths: [path.join(here, 'node_modules')],
    write: false,
  })
  await keep('app.js', bundle.outputFiles[0].text)
}

// The icons in use are those that a template or a module names: icon("name").
async function sprite() {
  const named = new Set()
  const templates = path.join(here, 'templates')
  const files = [
    ...(await readdir(templates)).map((name) => path.join(templates, name)),
    ...(await readdir(here)).filter((name) => name.endsWith('.py')).map((name) => path.join(here, name)),
  ]
  for (const file of files) {
    for (const match of (await readFile(file, 'utf8')).matchAll(/\bicon\(["']([a-z0-9-]+)["']/g)) named.add(match[1])
  }
  const symbols = []
  for (const name of [...named].sort()) {
    const svg = await readFile(path.join(icons, `${name}.svg`), 'utf8')
    const [, box] = svg.match(/viewBox="([^"]+)"/)
    const inner = svg.replace(/^[\s\S]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '').trim()
    symbols.push(`<symbol id="${name}" viewBox="${box}" fill="currentColor">${inner}</symbol>`)
  }
  await keep('icons.svg', `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>\n`)
}

await rm(target, { recursive: true, force: true })
await mkdir(target, { recursive: true })
await Promise.all([
  style(),
  script(),
  sprite(),
  keep('favicon.svg', await readFile(path.join(source, 'favicon.svg'), 'utf8')),
])
await writeFile(path.join(target, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)

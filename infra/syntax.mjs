// Prints the syntax trees of the Bicep files named as arguments, as JSON: one
// {file, tree} each, where a node is {type, line, text, error, children}. Only
// named nodes are printed.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { Language, Parser } = require('web-tree-sitter')

await Parser.init()
const parser = new Parser()
parser.setLanguage(await Language.load(require.resolve('tree-sitter-bicep/tree-sitter-bicep.wasm')))

function describe(node) {
  return {
    type: node.isMissing ? 'MISSING' : node.type,
    line: node.startPosition.row + 1,
    text: node.text,
    children: node.namedChildren.map(describe)
  }
}

const files = process.argv.slice(2).map((file) => ({
  file,
  tree: describe(parser.parse(readFileSync(file, 'utf8')).rootNode)
}))
process.stdout.write(JSON.stringify(files))

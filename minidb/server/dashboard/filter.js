// The filter box: a filter as JSON, or conditions as people write them, with commas between:
//   lang = en, year >= 2020, text ~ "yield from", city in Berlin|Paris, name != x, tag exists

const CONDITION = /^("[^"]*"|[^\s=<>!~"]+)\s*(>=|<=|!=|=|>|<|~|\bin\b|\bexists\b)\s*(.*)$/;
const BOUNDS = { ">": "gt", ">=": "gte", "<": "lt", "<=": "lte" };

export function parseFilter(text) {
  const trimmed = text.trim();
  if (!trimmed) return undefined;
  if (trimmed.startsWith("{")) return JSON.parse(trimmed);
  const filter = { must: [], must_not: [] };
  for (const part of split(trimmed)) {
    const found = CONDITION.exec(part);
    if (!found) throw new Error(`Cannot read “${part}”: write  key = value,  key >= 3,  key ~ words,  key in a|b,  or JSON.`);
    add(filter, unquoted(found[1]), found[2], found[3].trim());
  }
  return Object.fromEntries(Object.entries(filter).filter(([, conditions]) => conditions.length));
}

function add(filter, key, operator, text) {
  if (operator === "exists") filter.must_not.push({ is_empty: { key } });
  else if (operator === "~") filter.must.push({ key, match: { text: unquoted(text) } });
  else if (operator === "in") filter.must.push({ key, match: { any: text.split("|").map((value) => literal(value.trim())) } });
  else if (operator === "=") filter.must.push(equal(key, literal(text)));
  else if (operator === "!=") filter.must_not.push(equal(key, literal(text)));
  else filter.must.push({ key, range: { [BOUNDS[operator]]: literal(text) } });
}

function equal(key, value) {
  const isFraction = typeof value === "number" && !Number.isInteger(value);
  return isFraction ? { key, range: { gte: value, lte: value } } : { key, match: { value } };
}

function literal(text) {
  if (text === "true" || text === "false") return text === "true";
  return text !== "" && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : unquoted(text);
}

const unquoted = (text) => text.replace(/^"(.*)"$/, "$1");
const split = (text) => text.match(/(?:"[^"]*"|[^,"])+/g).map((part) => part.trim()).filter(Boolean);

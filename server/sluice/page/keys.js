// The keys that were typed in. They live as long as the tab, and go nowhere but into a header to this server.

export function keyOf(whose) {
  return sessionStorage.getItem(`sluice.${whose}`) ?? "";
}

export function keep(whose, key) {
  if (key) sessionStorage.setItem(`sluice.${whose}`, key);
  else sessionStorage.removeItem(`sluice.${whose}`);
}

export function headersOf(whose) {
  const key = keyOf(whose);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

// The least that a Worker in front of a server does.
export default {
  fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    return fetch(new Request(env.ORIGIN_URL + pathname + search, request), { redirect: "manual" });
  },
};

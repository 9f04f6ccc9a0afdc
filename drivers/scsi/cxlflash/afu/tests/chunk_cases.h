/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases for the chunk allocator: each returns "" or what is wrong
 *
 * The model is an array of counters, and looks from its start for a free one.
 */
#ifndef CXLFLASH_CHUNK_CASES_H
#define CXLFLASH_CHUNK_CASES_H

#define CHUNK_MODEL_MAX	200

struct chunk_model {
	u32 nr;
	u32 refs[CHUNK_MODEL_MAX];
	bool dirty[CHUNK_MODEL_MAX];
};

static u32 chunk_rand(u32 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static u32 chunk_model_free(const struct chunk_model *m)
{
	u32 i, nr = 0;

	for (i = 0; i < m->nr; i++)
		nr += !m->refs[i];
	return nr;
}

static const char *chunk_case_alloc(struct chunk_map *map,
				    struct chunk_model *m)
{
	bool dirty = false;
	u32 chunk = ~0U, want;
	int ret;

	for (want = 0; want < m->nr && m->refs[want]; want++)
		;
	ret = chunk_alloc(map, &chunk, &dirty);
	if (want == m->nr)
		return ret == -ENOSPC ? "" : "alloc out of nothing";
	if (ret || chunk != want)
		return "not the lowest free chunk";
	if (dirty != m->dirty[want])
		return "dirt of an allocated chunk";
	m->refs[want] = 1;
	m->dirty[want] = false;
	return "";
}

static const char *chunk_case_reserve(struct chunk_map *map,
				      struct chunk_model *m, u32 chunk)
{
	int want = chunk >= m->nr ? -EINVAL : m->refs[chunk] ? -EEXIST : 0;

	if (chunk_reserve(map, chunk) != want)
		return "reserve";
	if (!want) {
		m->refs[chunk] = 1;
		m->dirty[chunk] = false;
	}
	return "";
}

static const char *chunk_case_get(struct chunk_map *map, struct chunk_model *m,
				  u32 chunk)
{
	int want = m->refs[chunk] == 255 ? -EIO : 0;

	if (!m->refs[chunk])
		return "";
	if (chunk_get(map, chunk) != want)
		return "get";
	m->refs[chunk] += !want;
	return "";
}

static void chunk_case_put(struct chunk_map *map, struct chunk_model *m,
			   u32 chunk, bool dirty)
{
	if (!m->refs[chunk])
		return;
	chunk_put(map, chunk, dirty);
	m->refs[chunk]--;
	m->dirty[chunk] |= dirty;
}

static const char *chunk_case_grow(struct chunk_map *map,
				   struct chunk_model *m, u32 nr)
{
	int want = nr < m->nr ? -EINVAL : 0;

	if (chunk_map_grow(map, nr) != want)
		return "grow";
	while (!want && m->nr < nr) {
		m->refs[m->nr] = 0;
		m->dirty[m->nr++] = true;
	}
	return "";
}

static const char *chunk_case_step(struct chunk_map *map,
				   struct chunk_model *m, u32 *seed)
{
	u32 chunk = chunk_rand(seed) % m->nr;

	switch (chunk_rand(seed) % 16) {
	case 0 ... 5:
		return chunk_case_alloc(map, m);
	case 6:
		return chunk_case_reserve(map, m, chunk_rand(seed) %
					  (m->nr + 3));
	case 7:
		return chunk_case_get(map, m, chunk);
	case 8:
		return chunk_rand(seed) % 8 ? "" :
		       chunk_case_grow(map, m, 1 + chunk_rand(seed) %
				       CHUNK_MODEL_MAX);
	default:
		chunk_case_put(map, m, chunk, chunk_rand(seed) % 2);
		return "";
	}
}

static const char *chunk_case_random(u32 seed, unsigned int steps)
{
	struct chunk_model *m = kzalloc(sizeof(*m), GFP_KERNEL);
	struct chunk_map *map;
	const char *wrong = "";

	if (!m)
		return "no memory";
	seed = seed * 2654435761U | 1;
	m->nr = 1 + chunk_rand(&seed) % 150;
	memset(m->dirty, 1, m->nr);
	map = chunk_map_create(m->nr);
	if (IS_ERR(map)) {
		kfree(m);
		return "no map";
	}
	while (steps-- && !*wrong) {
		wrong = chunk_case_step(map, m, &seed);
		if (!*wrong && chunk_map_free(map) != chunk_model_free(m))
			wrong = "number of free chunks";
	}
	chunk_map_destroy(map);
	kfree(m);
	return wrong;
}

static const char *chunk_case_shared(void)
{
	struct chunk_map *map = chunk_map_create(2);
	const char *wrong = "";
	bool dirty = false;
	unsigned int i;
	u32 chunk;

	if (IS_ERR(map))
		return "no map";
	if (chunk_alloc(map, &chunk, &dirty) || chunk || !dirty)
		wrong = "alloc";
	for (i = 1; i < 255; i++)
		if (chunk_get(map, 0))
			wrong = "get below 255";
	if (chunk_get(map, 0) != -EIO)
		wrong = "get beyond 255";
	/* One user wrote, the last one did not. */
	chunk_put(map, 0, true);
	for (i = 1; i < 255; i++)
		chunk_put(map, 0, false);
	if (chunk_map_free(map) != 2)
		wrong = "put";
	if (chunk_alloc(map, &chunk, &dirty) || chunk || !dirty)
		wrong = "dirt of one user was forgotten";
	chunk_put(map, 0, false);
	if (chunk_alloc(map, &chunk, &dirty) || chunk || dirty)
		wrong = "a clean chunk came back dirty";
	chunk_map_destroy(map);
	return wrong;
}

static const char *chunk_case_sizes(void)
{
	struct chunk_map *map;
	bool dirty;
	u32 chunk;
	int ret;

	if (PTR_ERR(chunk_map_create((1ULL << 24) + 1)) != -EFBIG ||
	    PTR_ERR(chunk_map_create(1ULL << 40)) != -EFBIG)
		return "too big a map";
	map = chunk_map_create(0);
	if (IS_ERR(map))
		return "empty map";
	ret = chunk_alloc(map, &chunk, &dirty);
	if (ret == -ENOSPC)
		ret = chunk_map_grow(map, 1ULL << 33) == -EFBIG ? 0 : -EIO;
	chunk_map_destroy(map);
	return ret ? "empty map has chunks" : "";
}

#endif /* CXLFLASH_CHUNK_CASES_H */

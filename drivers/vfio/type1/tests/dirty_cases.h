/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases for dirty bitmaps, for KUnit and for the host
 *
 * The model is an array of one byte per bit.
 */
#ifndef VFIO_TYPE1_DIRTY_CASES_H
#define VFIO_TYPE1_DIRTY_CASES_H

#define BITS	512

struct bits {
	u64 map[BITS / 64];
	u8 model[BITS];
};

static u32 bits_random(u32 *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static bool bits_agree(const struct bits *bits)
{
	unsigned int i;

	for (i = 0; i < BITS; i++)
		if (((bits->map[i / 64] >> (i % 64)) & 1) != bits->model[i])
			return false;
	return true;
}

static void bits_or(struct bits *dst, unsigned int at, const struct bits *src,
		    unsigned int from, unsigned int nr)
{
	unsigned int i;

	dirty_or(dst->map, at, src->map, from, nr);
	for (i = 0; i < nr; i++)
		dst->model[at + i] |= src->model[from + i];
}

static const char *dirty_case_random(u32 seed, unsigned int steps)
{
	static struct bits a, b;
	unsigned int first, nr, at;
	u32 state = seed;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	while (steps--) {
		first = bits_random(&state) % BITS;
		nr = bits_random(&state) % (BITS - first) + 1;
		at = bits_random(&state) % (BITS - nr + 1);
		switch (bits_random(&state) % 4) {
		case 0:
			dirty_set(a.map, first, nr);
			memset(a.model + first, 1, nr);
			break;
		case 1:
			dirty_clear(a.map, first, nr);
			memset(a.model + first, 0, nr);
			break;
		case 2:
			bits_or(&b, at, &a, first, nr);
			break;
		default:
			dirty_clear(b.map, first, nr);
			memset(b.model + first, 0, nr);
			break;
		}
		if (!bits_agree(&a))
			return "the source differs";
		if (!bits_agree(&b))
			return "the copy differs";
	}
	return "";
}

static const char *dirty_case_sizes(void)
{
	if (dirty_words(0) || dirty_words(1) != 1 || dirty_words(64) != 1 ||
	    dirty_words(65) != 2 ||
	    dirty_words(U64_MAX) != (U64_MAX >> 6) + 1)
		return "words";
	/* The size counts whole words, in bytes; at most 256 MiB. */
	if (dirty_size_ok(1, 7) || !dirty_size_ok(1, 8))
		return "one page";
	if (dirty_size_ok(65, 8) || !dirty_size_ok(65, 16))
		return "a page more than a word";
	if (dirty_size_ok(0, 8))
		return "no page";
	if (dirty_size_ok(1, DIRTY_BYTES_MAX + 1))
		return "too large a bitmap";
	if (dirty_size_ok(U64_MAX, DIRTY_BYTES_MAX))
		return "too many pages";
	return "";
}

#endif /* VFIO_TYPE1_DIRTY_CASES_H */

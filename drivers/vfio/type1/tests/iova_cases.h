/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases for the range tree, for KUnit and for the host
 *
 * A case returns "" or what went wrong.  The model is an array of spans that
 * is searched from one end to the other.  Addresses are drawn from a small
 * space of pages, half of it at each end of the 64-bit space, so that overlaps
 * and wraps are frequent.
 */
#ifndef VFIO_TYPE1_IOVA_CASES_H
#define VFIO_TYPE1_IOVA_CASES_H

#define MODEL_MAX	64
#define MODEL_PAGES	64

struct model {
	struct iova_range range[MODEL_MAX];
	bool used[MODEL_MAX];
	u32 state;
};

static u32 model_random(struct model *model)
{
	model->state = model->state * 1664525u + 1013904223u;
	return model->state >> 8;
}

/* A page's first address: low ones at 0, high ones up to the last address. */
static u64 model_page(u32 page)
{
	if (page < MODEL_PAGES / 2)
		return (u64)page << 12;
	return 0ULL - ((u64)(MODEL_PAGES - page) << 12);
}

static bool model_overlaps(const struct iova_range *a, u64 start, u64 last)
{
	return a->start <= last && a->last >= start;
}

static struct iova_range *model_first(struct model *model, u64 start, u64 last)
{
	struct iova_range *best = NULL;
	unsigned int i;

	for (i = 0; i < MODEL_MAX; i++) {
		if (!model->used[i] ||
		    !model_overlaps(&model->range[i], start, last))
			continue;
		if (!best || model->range[i].start < best->start)
			best = &model->range[i];
	}
	return best;
}

static bool model_cuts(struct model *model, u64 start, u64 last)
{
	unsigned int i;

	for (i = 0; i < MODEL_MAX; i++) {
		const struct iova_range *range = &model->range[i];

		if (model->used[i] && model_overlaps(range, start, last) &&
		    (range->start < start || range->last > last))
			return true;
	}
	return false;
}

static void model_draw_span(struct model *model, u64 *start, u64 *last)
{
	u32 a = model_random(model) % MODEL_PAGES;
	u32 b = a + model_random(model) % 6;

	if (b >= MODEL_PAGES)
		b = MODEL_PAGES - 1;
	*start = model_page(a);
	*last = model_page(b) + 4095;
}

static const char *model_insert(struct model *model, struct iova_tree *tree,
				u64 start, u64 last)
{
	bool expected = !model_first(model, start, last);
	struct iova_range *range;
	unsigned int i;

	for (i = 0; i < MODEL_MAX && model->used[i]; i++)
		;
	if (i == MODEL_MAX)
		return "";
	range = &model->range[i];
	range->start = start;
	range->last = last;
	if (iova_insert(tree, range) != expected)
		return "insert";
	model->used[i] = expected;
	return "";
}

static const char *model_query(struct model *model, struct iova_tree *tree,
			       u64 start, u64 last)
{
	struct iova_range *range, *expected;
	u64 from = start;

	if (iova_find(tree, start) != model_first(model, start, start))
		return "find";
	if (iova_cuts(tree, start, last) != model_cuts(model, start, last))
		return "cuts";
	iova_for_each(range, tree, start, last) {
		expected = model_first(model, from, last);
		if (range != expected)
			return "walk finds another range";
		if (range->last >= last)
			return "";
		from = range->last + 1;
	}
	return model_first(model, from, last) ? "walk ends early" : "";
}

static const char *iova_case_random(u32 seed, unsigned int steps)
{
	static struct model model;
	struct iova_tree tree;
	const char *wrong;
	u64 start, last;
	unsigned int i;

	memset(&model, 0, sizeof(model));
	model.state = seed;
	iova_tree_init(&tree);
	while (steps--) {
		model_draw_span(&model, &start, &last);
		wrong = model_query(&model, &tree, start, last);
		if (*wrong)
			return wrong;
		if (model_random(&model) % 3) {
			wrong = model_insert(&model, &tree, start, last);
			if (*wrong)
				return wrong;
			continue;
		}
		i = model_random(&model) % MODEL_MAX;
		if (model.used[i]) {
			iova_remove(&tree, &model.range[i]);
			model.used[i] = false;
		}
	}
	return "";
}

static const char *iova_case_span(void)
{
	u64 last = 1;

	if (iova_span(0, 0, &last))
		return "an empty span";
	if (!iova_span(0, U64_MAX, &last) || last != U64_MAX - 1)
		return "all but one";
	if (!iova_span(U64_MAX, 1, &last) || last != U64_MAX)
		return "the last address";
	if (iova_span(U64_MAX, 2, &last))
		return "a wrap by one";
	if (!iova_span(0ULL - 4096, 4096, &last) || last != U64_MAX)
		return "the last page";
	if (iova_span(0ULL - 4096, 4097, &last))
		return "a wrap behind the last page";
	return "";
}

static const char *iova_case_ends(void)
{
	struct iova_range low = { .start = 0, .last = 4095 };
	struct iova_range high = { .start = 0ULL - 4096, .last = U64_MAX };
	struct iova_range *range;
	struct iova_tree tree;
	unsigned int nr = 0;

	iova_tree_init(&tree);
	if (!iova_insert(&tree, &high) || !iova_insert(&tree, &low))
		return "insert";
	if (iova_find(&tree, 0) != &low || iova_find(&tree, U64_MAX) != &high)
		return "find";
	if (iova_find(&tree, 4096) || iova_find(&tree, high.start - 1))
		return "found in the hole";
	iova_for_each(range, &tree, 0, U64_MAX)
		nr++;
	if (nr != 2)
		return "walk";
	if (!iova_cuts(&tree, 1, U64_MAX) ||
	    !iova_cuts(&tree, 0, U64_MAX - 1) || iova_cuts(&tree, 0, U64_MAX))
		return "cuts";
	return "";
}

static const char *iova_case_whole(void)
{
	struct iova_range all = { .start = 0, .last = U64_MAX };
	struct iova_range one = { .start = 4096, .last = 8191 };
	struct iova_tree tree;

	iova_tree_init(&tree);
	if (!iova_insert(&tree, &all) || iova_insert(&tree, &one))
		return "insert";
	if (iova_first(&tree, U64_MAX, U64_MAX) != &all ||
	    iova_next(&all, U64_MAX))
		return "walk";
	iova_remove(&tree, &all);
	if (iova_first(&tree, 0, U64_MAX))
		return "remove";
	return "";
}

#endif /* VFIO_TYPE1_IOVA_CASES_H */

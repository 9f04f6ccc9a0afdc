/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tree of ranges of I/O virtual addresses that do not overlap
 *
 * Pure logic: no locks, no allocation, no memory management.  The same source
 * runs in the kernel, in KUnit and on the host under sanitizers.
 *
 * Words: a range is [start, last], both inclusive, everywhere in this
 * directory.  There is no exclusive end because the range that ends with the
 * last address has none.  A *span* is the [start, last] that a caller asks
 * about; it *cuts* a range if one of its two ends lies inside the range and
 * the range sticks out there.
 */
#ifndef VFIO_TYPE1_IOVA_H
#define VFIO_TYPE1_IOVA_H

#include <linux/rbtree.h>
#include <linux/types.h>

/**
 * struct iova_range - one range; embed it
 * @node: in the tree, by @start
 * @start: its first address
 * @last: its last address, not below @start
 */
struct iova_range {
	struct rb_node node;
	u64 start;
	u64 last;
};

/**
 * struct iova_tree - ranges that do not overlap, by address
 * @root: of the red-black tree
 *
 * The owner's lock protects it: shared for those that look, exclusive for
 * iova_insert() and iova_remove().
 */
struct iova_tree {
	struct rb_root root;
};

/**
 * iova_tree_init() - make an empty tree
 * @tree: the tree
 *
 * Context: Any.
 */
static inline void iova_tree_init(struct iova_tree *tree)
{
	tree->root = RB_ROOT;
}

bool iova_span(u64 start, u64 size, u64 *last);
bool iova_insert(struct iova_tree *tree, struct iova_range *range);
void iova_remove(struct iova_tree *tree, struct iova_range *range);
struct iova_range *iova_find(const struct iova_tree *tree, u64 addr);
struct iova_range *iova_first(const struct iova_tree *tree, u64 start,
			      u64 last);
struct iova_range *iova_next(const struct iova_range *range, u64 last);
bool iova_cuts(const struct iova_tree *tree, u64 start, u64 last);

/**
 * iova_for_each() - walk the ranges that overlap a span, upwards
 * @range: the &struct iova_range of each step
 * @tree: the tree; must not change meanwhile
 * @start: first address of the span
 * @last: last address of the span
 */
#define iova_for_each(range, tree, start, last)				\
	for (range = iova_first(tree, start, last); range;		\
	     range = iova_next(range, last))

#endif /* VFIO_TYPE1_IOVA_H */

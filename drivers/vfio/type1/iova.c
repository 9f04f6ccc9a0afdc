// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tree of ranges of I/O virtual addresses that do not overlap
 *
 * Since ranges do not overlap, their order by first address is their order by
 * last address too, and a plain search tree answers every question about
 * overlaps: the lowest range whose last address is not below X is the lowest
 * one that can overlap [X, anything].
 */
#include "iova.h"

static struct iova_range *iova_entry(struct rb_node *node)
{
	return rb_entry_safe(node, struct iova_range, node);
}

/**
 * iova_span() - the last address of @size bytes from @start
 * @start: first address
 * @size: bytes
 * @last: where to put it
 *
 * Context: Any.
 * Return: false if there is none: @size is zero or the span wraps.
 */
bool iova_span(u64 start, u64 size, u64 *last)
{
	if (!size || start + (size - 1) < start)
		return false;
	*last = start + (size - 1);
	return true;
}

/**
 * iova_insert() - add a range
 * @tree: the tree
 * @range: start and last are set
 *
 * Context: Any; the owner's lock held exclusively.
 * Return: false if it overlaps one that is there; nothing has changed then.
 */
bool iova_insert(struct iova_tree *tree, struct iova_range *range)
{
	struct rb_node **link = &tree->root.rb_node;
	struct rb_node *parent = NULL;
	struct iova_range *other;

	while (*link) {
		parent = *link;
		other = iova_entry(parent);
		if (range->last < other->start)
			link = &parent->rb_left;
		else if (range->start > other->last)
			link = &parent->rb_right;
		else
			return false;
	}
	rb_link_node(&range->node, parent, link);
	rb_insert_color(&range->node, &tree->root);
	return true;
}

/**
 * iova_remove() - take a range out
 * @tree: the tree
 * @range: a range in it
 *
 * Context: Any; the owner's lock held exclusively.
 */
void iova_remove(struct iova_tree *tree, struct iova_range *range)
{
	rb_erase(&range->node, &tree->root);
	RB_CLEAR_NODE(&range->node);
}

/**
 * iova_find() - the range that holds an address
 * @tree: the tree
 * @addr: the address
 *
 * Context: Any; the owner's lock held.
 * Return: the range or NULL.
 */
struct iova_range *iova_find(const struct iova_tree *tree, u64 addr)
{
	return iova_first(tree, addr, addr);
}

/**
 * iova_first() - the lowest range that overlaps a span
 * @tree: the tree
 * @start: first address of the span
 * @last: last address of the span, not below @start
 *
 * Context: Any; the owner's lock held.
 * Return: the range or NULL.
 */
struct iova_range *iova_first(const struct iova_tree *tree, u64 start,
			      u64 last)
{
	struct rb_node *node = tree->root.rb_node;
	struct iova_range *found = NULL;
	struct iova_range *range;

	while (node) {
		range = iova_entry(node);
		if (range->last < start) {
			node = node->rb_right;
			continue;
		}
		found = range;
		if (range->start <= start)
			break;
		node = node->rb_left;
	}
	return found && found->start <= last ? found : NULL;
}

/**
 * iova_next() - the range after a range, if it still overlaps a span
 * @range: the range
 * @last: last address of the span
 *
 * Context: Any; the owner's lock held.
 * Return: the range or NULL.
 */
struct iova_range *iova_next(const struct iova_range *range, u64 last)
{
	struct iova_range *next = iova_entry(rb_next(&range->node));

	return next && next->start <= last ? next : NULL;
}

/**
 * iova_cuts() - does a span cut a range?
 * @tree: the tree
 * @start: first address of the span
 * @last: last address of the span, not below @start
 *
 * Context: Any; the owner's lock held.
 * Return: true if some range overlaps the span and sticks out of it.
 */
bool iova_cuts(const struct iova_tree *tree, u64 start, u64 last)
{
	struct iova_range *range;

	range = iova_find(tree, start);
	if (range && range->start != start)
		return true;
	range = iova_find(tree, last);
	return range && range->last != last;
}

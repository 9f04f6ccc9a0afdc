// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rate limits that contexts share, by name
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "limit.h"

/* Protects the list of groups, and their first and last reference. */
static DEFINE_MUTEX(limit_groups_lock);
static LIST_HEAD(limit_groups);

static struct limit_group *__limit_group_find(const char *name)
{
	struct limit_group *g;

	lockdep_assert_held(&limit_groups_lock);
	list_for_each_entry(g, &limit_groups, node)
		if (!strcmp(g->name, name))
			return g;
	return NULL;
}

/**
 * limit_group_get() - a reference on the group of that name
 * @name: up to 31 characters; the first user makes the group, without limits
 *
 * Context: may sleep.
 * Return: the group; ERR_PTR() of -EINVAL (no name), -ENAMETOOLONG, -ENOMEM.
 */
struct limit_group *limit_group_get(const char *name)
{
	struct limit_group *g;

	if (!*name)
		return ERR_PTR(-EINVAL);
	if (strlen(name) >= sizeof(g->name))
		return ERR_PTR(-ENAMETOOLONG);
	mutex_lock(&limit_groups_lock);
	g = __limit_group_find(name);
	if (g) {
		refcount_inc(&g->users);
		goto out_unlock;
	}
	g = kzalloc(sizeof(*g), GFP_KERNEL);
	if (!g) {
		g = ERR_PTR(-ENOMEM);
		goto out_unlock;
	}
	refcount_set(&g->users, 1);
	spin_lock_init(&g->lock);
	strscpy(g->name, name, sizeof(g->name));
	list_add_tail(&g->node, &limit_groups);
out_unlock:
	mutex_unlock(&limit_groups_lock);
	return g;
}

/**
 * limit_group_put() - undo limit_group_get()
 * @g: group, or NULL; RCU readers may still be using it
 *
 * Context: may sleep.
 */
void limit_group_put(struct limit_group *g)
{
	if (!g)
		return;
	mutex_lock(&limit_groups_lock);
	if (refcount_dec_and_test(&g->users)) {
		list_del(&g->node);
		kfree_rcu(g, rcu);
	}
	mutex_unlock(&limit_groups_lock);
}

/**
 * limit_group_set() - other rates for all who share it
 * @g: group
 * @to: rates, limit_check()ed
 *
 * Context: process context.
 */
void limit_group_set(struct limit_group *g, const struct cxlflash_limits *to)
{
	spin_lock_irq(&g->lock);
	limit_set(&g->limit, to, ktime_get_ns());
	spin_unlock_irq(&g->lock);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration states, and the merging of IOVA ranges for DMA logging
 *
 * The states of <uapi/linux/vfio.h>, with the arcs that a driver implements:
 *
 *	             PRE_COPY <----> PRE_COPY_P2P --------> STOP_COPY
 *	                ^                 ^                  ^     |
 *	                v                 v                  |     v
 *	             RUNNING <-----> RUNNING_P2P <---------> STOP <--> RESUMING
 *
 * User space may ask for any state; the way there goes arc by arc, and is the
 * shortest that opens no session of data transfer in between: one that starts
 * outside of the saving states (PRE_COPY, PRE_COPY_P2P, STOP_COPY) has them at
 * most at its end, so RUNNING -> PRE_COPY_P2P leads over RUNNING_P2P.  Nothing
 * leads from STOP_COPY back to a PRE_COPY state.
 */
#include <linux/interval_tree.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#define NR_STATES	(VFIO_DEVICE_STATE_PRE_COPY_P2P + 1)

/* Shorter names, for the table only. */
enum {
	ERR = VFIO_DEVICE_STATE_ERROR,
	STP = VFIO_DEVICE_STATE_STOP,
	RUN = VFIO_DEVICE_STATE_RUNNING,
	CPY = VFIO_DEVICE_STATE_STOP_COPY,
	RES = VFIO_DEVICE_STATE_RESUMING,
	P2P = VFIO_DEVICE_STATE_RUNNING_P2P,
	PRE = VFIO_DEVICE_STATE_PRE_COPY,
	PRP = VFIO_DEVICE_STATE_PRE_COPY_P2P,
};

/* mig_next[from][to]: where the first arc of the way leads, ERR for no way. */
static const u8 mig_next[NR_STATES][NR_STATES] = {
	/* to    ERR  STP  RUN  CPY  RES  P2P  PRE  PRP */
	[ERR] = { ERR, ERR, ERR, ERR, ERR, ERR, ERR, ERR },
	[STP] = { ERR, STP, P2P, CPY, RES, P2P, P2P, P2P },
	[RUN] = { ERR, P2P, RUN, P2P, P2P, P2P, PRE, P2P },
	[CPY] = { ERR, STP, STP, CPY, STP, STP, ERR, ERR },
	[RES] = { ERR, STP, STP, STP, RES, STP, STP, STP },
	[P2P] = { ERR, STP, RUN, STP, STP, P2P, RUN, PRP },
	[PRE] = { ERR, RUN, RUN, PRP, RUN, RUN, PRE, PRP },
	[PRP] = { ERR, P2P, P2P, CPY, P2P, P2P, PRE, PRP },
};

/* What a driver must support to have a state at all. */
static const unsigned int mig_needs[NR_STATES] = {
	[ERR] = ~0U,
	[STP] = VFIO_MIGRATION_STOP_COPY,
	[RUN] = VFIO_MIGRATION_STOP_COPY,
	[CPY] = VFIO_MIGRATION_STOP_COPY,
	[RES] = VFIO_MIGRATION_STOP_COPY,
	[P2P] = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P,
	[PRE] = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY,
	[PRP] = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
		VFIO_MIGRATION_PRE_COPY,
};

static bool mig_has_state(struct vfio_device *device, unsigned int state)
{
	return state < NR_STATES &&
	       !(mig_needs[state] & ~device->migration_flags);
}

/**
 * vfio_mig_get_next_state() - the next arc on the way to a state
 * @device: the device; its migration_flags say which states it has
 * @cur_fsm: where it is
 * @new_fsm: where it shall go
 * @next_fsm: where to go first, VFIO_DEVICE_STATE_ERROR on failure; when it is
 *	@new_fsm, that was the last step
 *
 * States that the device does not have are passed through as if they were
 * there, so a driver without P2P sees RUNNING -> STOP.
 *
 * Context: Any.
 * Return: 0; -EINVAL when there is no such state or no way.
 */
int vfio_mig_get_next_state(struct vfio_device *device,
			    enum vfio_device_mig_state cur_fsm,
			    enum vfio_device_mig_state new_fsm,
			    enum vfio_device_mig_state *next_fsm)
{
	unsigned int next;

	*next_fsm = VFIO_DEVICE_STATE_ERROR;
	if (!mig_has_state(device, cur_fsm) || !mig_has_state(device, new_fsm))
		return -EINVAL;

	next = mig_next[cur_fsm][new_fsm];
	while (next != ERR && !mig_has_state(device, next))
		next = mig_next[next][new_fsm];
	*next_fsm = next;
	return next == ERR ? -EINVAL : 0;
}
EXPORT_SYMBOL_GPL(vfio_mig_get_next_state);

/* The node before the smallest gap between neighbours, NULL if only one. */
static struct interval_tree_node *
ranges_smallest_gap(struct rb_root_cached *root)
{
	struct interval_tree_node *prev, *curr, *best = NULL;
	unsigned long gap, smallest = 0;

	prev = interval_tree_iter_first(root, 0, ULONG_MAX);
	if (!prev)
		return NULL;
	while ((curr = interval_tree_iter_next(prev, 0, ULONG_MAX))) {
		gap = curr->start - prev->last;
		if (!best || gap < smallest) {
			smallest = gap;
			best = prev;
		}
		prev = curr;
	}
	return best;
}

/**
 * vfio_combine_iova_ranges() - make do with fewer ranges
 * @root: a tree of disjoint ranges
 * @cur_nodes: nodes in it
 * @req_nodes: nodes the hardware can do; at least one
 *
 * Merges neighbours across the smallest gaps first.  The nodes removed from
 * the tree are left to their owner.
 *
 * Context: Whatever protects the tree.
 */
void vfio_combine_iova_ranges(struct rb_root_cached *root, u32 cur_nodes,
			      u32 req_nodes)
{
	struct interval_tree_node *node, *next;
	unsigned long last;

	if (WARN_ON_ONCE(!req_nodes))
		return;
	for (; cur_nodes > req_nodes; cur_nodes--) {
		node = ranges_smallest_gap(root);
		if (!node)
			return;
		next = interval_tree_iter_next(node, 0, ULONG_MAX);
		last = next->last;
		/* A node's end is part of the tree's order: take it out. */
		interval_tree_remove(next, root);
		interval_tree_remove(node, root);
		node->last = last;
		interval_tree_insert(node, root);
	}
}
EXPORT_SYMBOL_GPL(vfio_combine_iova_ranges);

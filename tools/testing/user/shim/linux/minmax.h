/* SPDX-License-Identifier: GPL-2.0-only */
/* Unit tests on the host: tools/ has min() and max() among other things. */
#include <linux/kernel.h>

#define min3(a, b, c)	min((typeof(a))min(a, b), c)

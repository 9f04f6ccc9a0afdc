/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kselftest's harness, and what these tests add to it
 */
#ifndef VFIO_HARNESS_H
#define VFIO_HARNESS_H

#include "vfio_lib.h"

#include "kselftest_harness.h"

/* A __vfio_x() that must fail, and how. */
#define EXPECT_ERR(err, expr)	EXPECT_EQ(-(err), (expr))
#define ASSERT_ERR(err, expr)	ASSERT_EQ(-(err), (expr))
#define EXPECT_OK(expr)		EXPECT_EQ(0, (expr))
#define ASSERT_OK(expr)		ASSERT_EQ(0, (expr))

/* A system call that must fail: -1 and errno. */
#define EXPECT_ERRNO(err, expr)						\
	do {								\
		errno = 0;						\
		EXPECT_EQ(-1, (long)(expr));				\
		EXPECT_EQ(err, errno);					\
	} while (0)

#endif /* VFIO_HARNESS_H */

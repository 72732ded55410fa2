/* What the reader and the writer of CSV share. */
#ifndef TL_CSV_PRIVATE_H
#define TL_CSV_PRIVATE_H

#include "csv.h"

/* Checks the options (NULL: the defaults) and copies them, with the separator that they mean. */
tl_status tl_csv_check_options(const char *who, const tl_csv_options *o, tl_csv_options *to);

#endif

/* The lines of a text file, plain or gzipped, which is read once, from start to end. A line may be of any
 * length and end in "\n" or "\r\n"; the last one may also end with the file. A byte order mark before the
 * first line is skipped. An error text names the reader, the file, the line, what was found there and what
 * was expected. */
#ifndef TL_LINES_H
#define TL_LINES_H

#include "lib/io/number.h"
#include "lib/io/source.h"

typedef struct tl_lines {
    tl_source source;
    /* The current line, which the caller may change: valid until the next call. *end is '\n' or '\r', so that
     * a number can be parsed without looking for the end. */
    char *begin, *end;
    int64_t number;   /* of the current line, from 1; at the end of the file, of the line that there is not */
    tl_status status; /* of the last call */

    char *buffer;        /* begins with the current line, or with lines before it */
    char *next, *filled; /* the unread bytes of the buffer, with a '\n' after them */
    int64_t capacity;    /* of the buffer, without that '\n' */
    bool at_end;         /* the file has no more bytes */
} tl_lines;

/* Opens a file for the reader `who`. TL_ERR_IO or TL_ERR_MEMORY; the lines are then not open. */
tl_status tl_lines_open(tl_lines *l, const char *who, const char *path);

/* Moves on to the next line. False at the end of the file, where l->status is TL_OK, and on an error:
 * TL_ERR_FORMAT for damaged gzip data, TL_ERR_IO, TL_ERR_MEMORY. The memory is at most about three times the
 * longest line. */
bool tl_lines_next(tl_lines *l);

/* Appends the next line to the current one, with the line end that was between them. False as tl_lines_next;
 * the current line is then as it was, but for its address. */
bool tl_lines_join(tl_lines *l);

/* Closes the file and frees the buffer. Returns `status` if that is an error, otherwise the error of the last
 * read, if there was one. */
tl_status tl_lines_close(tl_lines *l, tl_status status);

/* Records and returns TL_ERR_FORMAT: "WHO: PATH: line N: " and then the text, "found this, expected that". */
tl_status tl_lines_unexpected(const tl_lines *l, const char *format, ...) TL_PRINTF(2, 3);

/* Returns what an error text says of the word at `at`: "0x1" with the quotes, cut after 20 bytes, with bytes
 * that are not printable as \xff; or that a blank is there, or the end of the line. */
typedef struct tl_found {
    char text[96];
} tl_found;
tl_found tl_lines_found(const tl_lines *l, const char *at);

/* Parse a number at *s, within the current line, and move *s past it. False, with the error in l->status,
 * unless there is one and it fits in tl_real, or is in low .. high. `what` names the integer in the error
 * text: "a row". */
static inline bool tl_lines_real(tl_lines *l, const char **s, tl_real *x);
static inline bool tl_lines_integer(tl_lines *l, const char **s, int64_t low, int64_t high, const char *what,
                                    int64_t *x);

/* Returns the first byte from s on that is neither a space nor a tab; it may be the end of the line. */
static inline const char *tl_skip_blanks(const char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    return s;
}

/* The same, out of line. */
bool tl_lines_real_or_error(tl_lines *l, const char **s, tl_real *x);
bool tl_lines_integer_or_error(tl_lines *l, const char **s, int64_t low, int64_t high, const char *what,
                               int64_t *x);

static inline bool tl_lines_real(tl_lines *l, const char **s, tl_real *x)
{
    return tl_parse_real(s, x) == TL_PARSED || tl_lines_real_or_error(l, s, x);
}

static inline bool tl_lines_integer(tl_lines *l, const char **s, int64_t low, int64_t high, const char *what,
                                    int64_t *x)
{
    const char *p = *s;
    if (!tl_parse_short(&p, x) || *x < low || *x > high)
        return tl_lines_integer_or_error(l, s, low, high, what, x);
    *s = p;
    return true;
}

#endif

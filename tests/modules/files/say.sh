#!/bin/sh
echo "$0 $* in $(pwd) as $WHO"

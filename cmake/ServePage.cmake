# Writes the page of `quipu serve` as C++: what tools/quipu/serve/page/Page.h declares.
#   cmake -DOUTPUT=FILE.cpp -DSOURCE=tools/quipu/serve/page -P ServePage.cmake
cmake_minimum_required(VERSION 3.25)

set(text "// Made by cmake/ServePage.cmake.\n#include \"tools/quipu/serve/page/Page.h\"\n\n")
foreach(pair IN ITEMS Html:page.html Script:page.js Style:page.css)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 file)
  file(READ ${SOURCE}/${file} content)
  if(content MATCHES "\\)quipu\"")
    message(FATAL_ERROR "${SOURCE}/${file} has the text that ends a raw string of C++")
  endif()
  string(APPEND text "const std::string_view quipu::serve::kPage${name} = R\"quipu(${content})quipu\";\n")
endforeach()
file(WRITE ${OUTPUT} "${text}")

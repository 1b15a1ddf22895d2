# Joins the parts of the report's page and writes them as C++: what tools/quipu/report/ReportPage.h declares.
#   cmake -DOUTPUT=FILE.cpp -DSOURCE=tools/quipu/report -DLIBRARIES=A.js,B.js,... -DSCRIPTS=A.js,B.js,... -P ReportPage.cmake
# LIBRARIES are full paths, in the order in which they need each other. SCRIPTS are names in SOURCE; they share one
# scope, and the last one starts the page.
cmake_minimum_required(VERSION 3.25)

string(REPLACE "," ";" libraries "${LIBRARIES}")
string(REPLACE "," ";" scripts "${SCRIPTS}")

set(library_text "")
foreach(library IN LISTS libraries)
  file(READ ${library} text)
  # A comment that names a file which is not there makes a browser look for it.
  string(REGEX REPLACE "//# sourceMappingURL=[^\n]*" "" text "${text}")
  string(APPEND library_text "${text}\n")
endforeach()
set(script_text "")
foreach(script IN LISTS scripts)
  file(READ ${SOURCE}/${script} text)
  string(APPEND script_text "${text}\n")
endforeach()
file(READ ${SOURCE}/report.css style_text)
foreach(part IN ITEMS library_text script_text)
  if("${${part}}" MATCHES "</script|<!--")
    message(FATAL_ERROR "${part} of the report has text that ends a script element")
  endif()
endforeach()

file(READ ${SOURCE}/report.html page)
foreach(part IN ITEMS style library script)
  string(REPLACE "@${part}@" "${${part}_text}" page "${page}")
endforeach()
string(FIND "${page}" "@data@" middle)
if(middle EQUAL -1)
  message(FATAL_ERROR "${SOURCE}/report.html has no @data@, where the report's data goes")
endif()
string(SUBSTRING "${page}" 0 ${middle} before)
math(EXPR middle "${middle} + 6")
string(SUBSTRING "${page}" ${middle} -1 after)
if(page MATCHES "\\)quipu\"")
  message(FATAL_ERROR "a part of the report has the text that ends a raw string of C++")
endif()
file(WRITE ${OUTPUT} "// Made by cmake/ReportPage.cmake.\n#include \"tools/quipu/report/ReportPage.h\"\n\n"
  "const std::string_view quipu::tool::kPageBefore = R\"quipu(${before})quipu\";\n"
  "const std::string_view quipu::tool::kPageAfter = R\"quipu(${after})quipu\";\n")
